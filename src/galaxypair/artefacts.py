"""What looks broken in a galaxy's cutout or spectrum, told from the pixels alone.

No model and no label takes part, so that the list of suspects can be compared with what the embeddings
find unusual. Each check is a number in a unit of its own with a limit of its own; the artefact score of
a galaxy is the largest of its numbers in units of their limits, above 1 it is suspected.
"""

import logging
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from galaxypair import tables

logger = logging.getLogger(__name__)

CHECKS = {  # name: (limit, what is wrong above it)
    "image_gap": (0.001, "part of a band has no data"),  # share of the values
    "image_trail": (10.0, "straight bright line"),  # noise of a pixel
    "image_glare": (0.8, "light from beyond one side"),  # noise of a pixel
    "image_one_band": (100.0, "light in one band alone"),  # pixels
    "spectrum_gap": (0.05, "gaps between wavelengths with data"),  # share of the bins
    "spectrum_negative": (0.02, "flux far below zero"),  # share of the bins
    "pair_flux": (1.0, "spectrum and image differ in brightness"),  # dex
}
COLUMNS = ("targetid", "image", "spectrum", "has_image", "has_spectrum")  # of shards that `measure` takes
BATCH_ROWS = 64  # 12 MB of pixels and as much again a few times; larger ones leave the processor's cache

TRAIL_SHARE = 0.75  # of a row or column that a trail fills: no galaxy does but the largest
TRAIL_PX = 8  # a trail stands out against rows so far away on both sides
STRIP_PX = 16  # along each side of the cutout, for light from beyond it
BRIGHT, DARK = 20.0, 3.0  # noise of a pixel: seen in one band, and not in the others
NEGATIVE_SIGMA = -6.0
NOISE_BLOCKS = 31  # parts of a spectrum whose noise is measured apart; 251 bins each
FIBRE_ARCSEC = 0.75  # radius of DESI's fibres
# the flux of 1 nanomaggie at 6420 Angstrom, in the unit of the spectra: c 3.631e-29 / wavelength^2
R_FLUX_PER_NANOMAGGIE = 0.264
R_BAND = (5600.0, 7200.0)  # Angstrom; of DECam
FIBRE_LOSS_DEX = 0.4  # spectra are calibrated to all light of a star, of which the aperture holds 40 %
_LEAST = 1e-6  # of fluxes whose ratio is taken


def measure(galaxies: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Apply all checks to a batch of galaxies.

    Parameters
    ----------
    galaxies : mapping of str to ndarray of shape (n, ...)
        Rows of shards, `COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        targetid and `CHECKS`; NaN where the galaxy lacks what the check looks at.
    """
    images, spectra = (galaxies[m].astype(np.float32, copy=False) for m in tables.MODALITIES)
    found = {"targetid": galaxies["targetid"].copy()}  # batches are read into the same memory
    found |= _where(galaxies["has_image"], image_checks, images)
    found |= _where(galaxies["has_spectrum"], spectrum_checks, spectra)
    found["pair_flux"] = np.where(
        galaxies["has_image"] & galaxies["has_spectrum"], pair_flux(images, spectra), np.nan
    )
    return pd.DataFrame(found)


def _where(there: np.ndarray, checks: Callable, data: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.where(there, values, np.nan) for name, values in checks(data).items()}


def image_checks(images: np.ndarray) -> dict[str, np.ndarray]:
    """Look for missing data, trails, glare and light in one band alone.

    Parameters
    ----------
    images : ndarray of shape (n, w, h, 3), float32 [nanomaggies / pixel]
        Finite; exactly 0: no data. Outer rows and columns that are 0 throughout are padding around
        a smaller cutout, which is no fault.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        `image_gap`, `image_trail`, `image_glare`, `image_one_band`, see `CHECKS`.
    """
    data = (images != 0).any(3)
    edges = [_span(data.any(2)), _span(data.any(1))]  # of x, of y
    boxes = np.stack([*edges[0], *edges[1]], axis=1)
    found = {name: np.full(len(images), np.nan) for name in CHECKS if name.startswith("image")}
    for box in np.unique(boxes, axis=0):
        rows = np.flatnonzero((boxes == box).all(1))
        inside = images[rows, box[0] : box[1], box[2] : box[3]]
        if min(inside.shape[1:3]) < 8:  # nothing to compare with
            continue
        in_noise = inside / pixel_noise(inside)[:, None, None]
        found["image_gap"][rows] = (inside == 0).mean((1, 2, 3))
        found["image_trail"][rows] = _trail(in_noise)
        found["image_glare"][rows] = _glare(in_noise)
        found["image_one_band"][rows] = _one_band(np.abs(in_noise))
    return found


def pixel_noise(images: np.ndarray) -> np.ndarray:
    """Noise of each image and band, from differences of neighbouring pixels.

    Parameters
    ----------
    images : ndarray of shape (n, w, h, 3)

    Returns
    -------
    ndarray of shape (n, 3), float32
        1.4826 times their median size over the square root of 2: sources hardly matter.
    """
    steps = np.abs(np.diff(images[:, :, ::2], axis=1))[:, ::2]  # a quarter of the pixels is enough
    noise = 1.4826 / np.sqrt(2) * np.median(steps.reshape(len(images), -1, 3), axis=1)
    return np.maximum(noise, np.float32(1e-9)).astype(np.float32)


def _span(filled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First True of each row, and the place after the last one; (0, 0) of rows without."""
    length = filled.shape[1]
    there = filled.any(1)
    return np.where(there, filled.argmax(1), 0), np.where(there, length - filled[:, ::-1].argmax(1), 0)


def _trail(in_noise: np.ndarray) -> np.ndarray:
    """Height of the most outstanding row or column, in the band where it is highest."""
    highest = np.full(len(in_noise), -np.inf)
    for axis in (1, 2):
        length = in_noise.shape[axis]
        low = round((1 - TRAIL_SHARE) * length)
        line = np.partition(in_noise, low, axis=axis).take(low, axis=axis)  # (n, lines, 3)
        reach = min(TRAIL_PX, line.shape[1] // 4)
        around = np.pad(line, ((0, 0), (reach, reach), (0, 0)), constant_values=-np.inf)
        contrast = line - np.maximum(around[:, : -2 * reach], around[:, 2 * reach :])
        highest = np.maximum(highest, contrast.max((1, 2)))
    return highest


def _glare(in_noise: np.ndarray) -> np.ndarray:
    """Difference of light between opposite sides, beyond what the darkest side has.

    The target, however large, lights opposite sides alike, and a large lopsided one lights all of them.
    The halo of a star does so in all bands, noise and neighbours do not: the least of the bands counts.
    """
    n, w, h = in_noise.shape[:3]
    x, y = (min(STRIP_PX, size // 4) for size in (w, h))
    strips = (in_noise[:, :x], in_noise[:, -x:], in_noise[:, :, :y], in_noise[:, :, -y:])
    level = np.stack([np.median(strip.reshape(n, -1, 3), axis=1) for strip in strips])
    gradient = np.hypot(level[0] - level[1], level[2] - level[3])
    return (gradient - np.maximum(level.min(0), 0)).min(1)


def _one_band(size: np.ndarray) -> np.ndarray:
    """Count the pixels that are bright in one band and dark in the two others."""
    bands = np.moveaxis(size, 3, 0)
    lit = [band >= DARK for band in bands]  # band by band: sums along a short axis are slow
    one = (lit[0] ^ lit[1] ^ lit[2]) & ~(lit[0] & lit[1] & lit[2])
    bright = [band > BRIGHT for band in bands]
    return (one & (bright[0] | bright[1] | bright[2])).sum((1, 2))


def spectrum_checks(spectra: np.ndarray) -> dict[str, np.ndarray]:
    """Look for missing data between the first and the last bin that has some, and for negative flux.

    Parameters
    ----------
    spectra : ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
        Finite; exactly 0: no data.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        `spectrum_gap`, `spectrum_negative`, see `CHECKS`. A spectrum without any data has a gap of 1.
    """
    data = spectra != 0
    start, end = _span(data)
    length = np.maximum(end - start, 1)
    n, size = len(spectra), spectra.shape[1] // NOISE_BLOCKS
    blocks = spectra[:, : size * NOISE_BLOCKS].reshape(n, NOISE_BLOCKS, size)
    steps = np.abs(np.diff(blocks, axis=2))
    noise = 1.4826 / np.sqrt(2) * np.median(steps, axis=2, keepdims=True)
    negative = (blocks < NEGATIVE_SIGMA * noise) & (noise > 0)
    return {
        "spectrum_gap": 1 - data.sum(1) / length,
        "spectrum_negative": negative.sum((1, 2)) / length,
    }


def pair_flux(images: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    """Compare the light of the spectrum in the r band with that of the image inside a fibre.

    Parameters
    ----------
    images : ndarray of shape (n, w, h, 3), float32 [nanomaggies / pixel]
        The target is at pixel w // 2, h // 2.
    spectra : ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]

    Returns
    -------
    ndarray of shape (n,) [dex]
        Absolute value of log10 (spectrum / image) - `FIBRE_LOSS_DEX`. Wider fibres than DESI's raise
        the spectrum: those of SDSS by some 0.4 dex.
    """
    place = [np.arange(size) - size // 2 for size in images.shape[1:3]]
    fibre = np.hypot(place[0][:, None], place[1]) * tables.PIXEL_SCALE_ARCSEC < FIBRE_ARCSEC
    imaged = R_FLUX_PER_NANOMAGGIE * images[:, fibre, 1].sum(1)
    wavelength = np.linspace(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, spectra.shape[1])
    band = spectra[:, (wavelength > R_BAND[0]) & (wavelength < R_BAND[1])]
    measured = band.sum(1) / np.maximum((band != 0).sum(1), 1)
    ratio = np.log10(np.maximum(measured, _LEAST) / np.maximum(imaged, _LEAST))
    return np.abs(ratio - FIBRE_LOSS_DEX)


def measure_all(batches: Iterable[Mapping[str, np.ndarray]]) -> pd.DataFrame:
    """Apply all checks to a stream of galaxies, and log how many fail each.

    Parameters
    ----------
    batches : iterable of mapping
        From `io.iter_shards`, `COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        See `measure`.
    """
    parts = [measure(batch) for batch in batches]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["targetid", *CHECKS])
    failed = {name: int((found[name] > limit).sum()) for name, (limit, _) in CHECKS.items()}
    told = ", ".join(f"{name} {n}" for name, n in failed.items() if n) or "none"
    logger.info("%s galaxies checked; suspected: %s", f"{len(found):,}", told)
    return found


def judge(measures: pd.DataFrame) -> pd.DataFrame:
    """Turn the numbers of all checks into one score, a verdict and its reason.

    Parameters
    ----------
    measures : pandas.DataFrame
        `CHECKS`.

    Returns
    -------
    pandas.DataFrame
        `artefact_score` (NaN if no check could be made), `suspected_artefact`, `reason`: what is wrong,
        the worst first, "" if nothing is.
    """
    ratio = np.column_stack([measures[name] / limit for name, (limit, _) in CHECKS.items()])
    ratio = np.where(np.isfinite(ratio), ratio, -np.inf)
    failed = ratio > 1
    worst_first = np.argsort(-ratio, axis=1, kind="stable")
    reasons = [
        _in_words([i for i in order if bad[i]]) for order, bad in zip(worst_first, failed, strict=True)
    ]
    score = ratio.max(1)
    return pd.DataFrame(
        {
            "artefact_score": np.where(np.isfinite(score), score, np.nan),
            "suspected_artefact": failed.any(1),
            "reason": reasons,
        },
        index=measures.index,
    )


def _in_words(failed: list[int]) -> str:
    """Name checks, those of one kind of data together, such as "image: this, that; pair: that"."""
    told: dict[str, list[str]] = {}
    for name, (_, text) in (list(CHECKS.items())[i] for i in failed):
        told.setdefault(name.partition("_")[0], []).append(text)
    return "; ".join(f"{data}: {', '.join(texts)}" for data, texts in told.items())
