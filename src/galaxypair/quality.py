"""What is wrong with a galaxy's image, spectrum or redshift, judged by itself."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from galaxypair import io

NEGATIVE_SIGMA = -10.0  # a mean flux this far below zero is a fault of the file, not noise
LARGEST = 1e12  # values above it are no flux, and overflow in the encoders
TARGET_PX = 12  # 3 arcsec around the target


@dataclass(frozen=True)
class Cuts:
    """What a galaxy must be like to be kept; section `preprocess` of the config.

    Attributes
    ----------
    shard_rows : int
        Input galaxies per shard.
    crop_px, core_px : int
        Side of the square that shards keep, and of the one in which bad pixels are counted.
    dtype : {"float32", "float16"}
        Of images and spectra in the shards.
    max_bad_pixel_fraction, max_bad_wavelength_fraction : float
        Largest share without data (exactly 0).
    z_min, z_max : float
    require_z : bool
        Whether galaxies without a redshift are cut.
    require_modalities : {"both", "either"}
    match_radius_arcsec : float
        Targets closer than this are one galaxy; 0: no such check.
    """

    shard_rows: int
    crop_px: int
    core_px: int
    dtype: str
    max_bad_pixel_fraction: float
    max_bad_wavelength_fraction: float
    z_min: float
    z_max: float
    require_z: bool
    require_modalities: str
    match_radius_arcsec: float

    @property
    def seen_px(self) -> int:
        """Side of the square outside which nothing is looked at."""
        return max(self.crop_px, self.core_px)

    @property
    def largest(self) -> float:
        """Values from here on are no flux, or do not fit into the shards."""
        return min(LARGEST, float(np.finfo(self.dtype).max))


def central(images: np.ndarray, side_px: int) -> np.ndarray:
    """Cut the central square out of cutouts as they lie on disk.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, 3)
    side_px : int

    Returns
    -------
    ndarray of shape (n, side_px, side_px, 3)
        A view.
    """
    top, left = ((size - side_px) // 2 for size in images.shape[1:3])
    return images[:, top : top + side_px, left : left + side_px]


def significance(values: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Mean of each row in units of its error; the noise is taken from differences of neighbours.

    Parameters
    ----------
    values : ndarray of shape (n, length), float32
    data : ndarray of shape (n, length), bool
        Where there are data.

    Returns
    -------
    ndarray of shape (n,), float32
        0 where there are no data. Structure raises the noise, so that it is on the safe side.
    """
    n = data.sum(1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        noise = np.sqrt(np.mean(np.diff(values, axis=1) ** 2, axis=1) / 2)
        return np.nan_to_num((values * data).sum(1) / np.sqrt(n) / noise, posinf=0, neginf=0)


def _sane(values: np.ndarray, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Tell which rows are finite and within bounds throughout, and which hold no finite value at all."""
    with np.errstate(invalid="ignore"):
        sane = (values.max(1) < largest) & (values.min(1) > -largest)  # NaN makes both False
    absent = np.zeros(len(values), bool)
    absent[~sane] = ~np.isfinite(values[~sane]).any(1)
    return sane, absent


def image_reasons(images: np.ndarray, cuts: Cuts) -> np.ndarray:
    """Say what is wrong with each cutout.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, 3), float32 [nanomaggies / pixel]
        At least `cuts.seen_px` pixels each way.
    cuts : Cuts

    Returns
    -------
    ndarray of shape (n,), str
        "" where nothing is, else one of `tables.REASONS`.
    """
    seen, core = central(images, cuts.seen_px), central(images, cuts.core_px)
    sane, absent = _sane(seen.reshape(len(images), -1), cuts.largest)
    bad = np.zeros(len(images))
    holes = (seen.reshape(len(images), -1) == 0).any(1)  # few images have any: the next line is slow
    bad[holes] = (core[holes] == 0).any(3).mean((1, 2))  # a pixel is bad if some band has no data
    # the target itself, by band: the sky around it may well be a little below zero
    target = np.moveaxis(central(images, TARGET_PX), 3, 1).reshape(len(images) * 3, -1)
    negative = (significance(target, target != 0).reshape(-1, 3) < NEGATIVE_SIGMA).all(1)
    return np.select(
        [absent, ~sane, bad > cuts.max_bad_pixel_fraction, negative],
        ["image_absent", "image_not_finite", "image_bad_pixels", "image_negative"],
        "",
    )


def spectrum_reasons(spectra: np.ndarray, cuts: Cuts) -> np.ndarray:
    """Say what is wrong with each spectrum.

    Parameters
    ----------
    spectra : ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
    cuts : Cuts

    Returns
    -------
    ndarray of shape (n,), str
        "" where nothing is, else one of `tables.REASONS`.
    """
    sane, absent = _sane(spectra, cuts.largest)
    bad = (spectra == 0).mean(1)
    negative = significance(spectra, spectra != 0) < NEGATIVE_SIGMA
    return np.select(
        [absent, ~sane, bad == 1, bad > cuts.max_bad_wavelength_fraction, negative],
        [
            "spectrum_absent",
            "spectrum_not_finite",
            "spectrum_all_zero",
            "spectrum_bad_pixels",
            "spectrum_negative",
        ],
        "",
    )


def redshift_reasons(z: np.ndarray, cuts: Cuts) -> np.ndarray:
    """Say what is wrong with each redshift.

    Parameters
    ----------
    z : ndarray of shape (n,), float32
    cuts : Cuts

    Returns
    -------
    ndarray of shape (n,), str
        "" where nothing is, else one of `tables.REASONS`.
    """
    missing = ~np.isfinite(z)
    outside = ~missing & ~((z >= cuts.z_min) & (z <= cuts.z_max))
    return np.select([missing & cuts.require_z, outside], ["z_missing", "z_out_of_range"], "")


def judge(block: io.JointBlock, cuts: Cuts) -> pd.DataFrame:
    """Judge each galaxy of a block by itself (duplicates are another matter).

    Parameters
    ----------
    block : io.JointBlock
    cuts : Cuts

    Returns
    -------
    pandas.DataFrame
        Columns reason, detail, has_image, has_spectrum. With ``require_modalities="either"`` a bad
        image (or spectrum) is left out and named in `detail`, and the galaxy kept by the other.
    """
    image, spectrum = image_reasons(block.images, cuts), spectrum_reasons(block.spectra, cuts)
    z = redshift_reasons(block.z, cuts)
    image_good, spectrum_good = image == "", spectrum == ""
    either = cuts.require_modalities == "either"
    enough = (image_good | spectrum_good) if either else (image_good & spectrum_good)
    # a missing modality says less than a bad one
    worst = np.where(image_good | ((image == "image_absent") & ~spectrum_good), spectrum, image)
    reason = np.where(~enough, worst, z)
    left_out = np.where(image_good, spectrum, image)
    detail = np.where(enough & (left_out != ""), np.char.add("left out: ", left_out), "")
    return pd.DataFrame(
        {"reason": reason, "detail": detail, "has_image": image_good, "has_spectrum": spectrum_good}
    )
