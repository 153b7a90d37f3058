"""Cutouts in g, r, z: the galaxy with its bulge and disc, neighbours, blur and noise.

Noise and blur follow the log-normal fits to Legacy Surveys DR9 that AstroCLIP's authors published
with their augmentations; neighbours follow number counts. The same model tells what share of the
galaxy's light enters the fibre, so that image and spectrum agree.

Rendering is fast because every part is drawn on the smallest of four stamps that holds it down to
a tenth of the noise, and because neighbours are pasted from a bank.
"""

from dataclasses import dataclass

import numpy as np

from galaxypair.mock import morphology, profiles
from galaxypair.mock.light import EXTINCTION
from galaxypair.tables import IMAGE_PX, PIXEL_SCALE_ARCSEC

# (shape, location, scale) of log-normal distributions in g, r, z
PIXEL_NOISE = ((0.2265, -0.00067, 0.00376), (0.2431, -0.00237, 0.00674), (0.1335, -0.01434, 0.02608))
PSF_SIGMA_PX = ((0.2110, 1.0807, 1.3153), (0.3008, 1.2394, 0.9165), (0.3471, 1.1928, 0.8234))
ELECTRONS_PER_NANOMAGGY = 2500
FIBRE_RADIUS_PX = 0.75 / PIXEL_SCALE_ARCSEC  # DESI's fibre of 1.5 arcsec
MAX_RADIUS_ARCSEC = 25

STAMPS_PX = (64, 96, 160, 240)  # sizes with fast transforms; the last two are cut at the cutout's edges
_NEIGHBOUR_PX = 64
_N_PSF = 24
_NEIGHBOUR_RADII_ARCSEC = np.geomspace(0.2, 2.0, 8)
_FAINT = 4e-4  # nanomaggies / pixel in r: a tenth of the noise


@dataclass(frozen=True)
class Bank:
    """Point-spread functions and neighbours, drawn once for all cutouts.

    Attributes
    ----------
    psf : dict of int to ndarray of shape (n_psf, 3, n_px, n_px // 2 + 1), float32
        Half planes, by stamp size.
    star_in_fibre : ndarray of shape (n_psf, 3)
        Share of a star's light inside the fibre.
    fibre : dict of int to ndarray of shape (n_px, n_px // 2 + 1), float32
        From `profiles.disc_mask`, by stamp size.
    neighbours : ndarray of shape (n_psf, n_radius + 1, 64, 64, 3), float32
        Blurred discs of growing radius and, last, a star; flux 1.
    """

    psf: dict[int, np.ndarray]
    star_in_fibre: np.ndarray
    fibre: dict[int, np.ndarray]
    neighbours: np.ndarray


def make_bank(rng: np.random.Generator) -> Bank:
    """Draw the point-spread functions and neighbours that cutouts choose from.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    Bank
    """
    shape, location, scale = np.array(PSF_SIGMA_PX).T
    fwhm = 2.355 * (location + scale * rng.lognormal(0, shape, (_N_PSF, 3)))
    beta = rng.uniform(2.5, 4, (_N_PSF, 3))
    psf = {
        n_px: np.array(
            [
                [profiles.moffat(n_px, *band) for band in zip(*one, strict=True)]
                for one in zip(beta, fwhm, strict=True)
            ]
        )
        for n_px in STAMPS_PX
    }
    fibre = {n_px: profiles.disc_mask(n_px, FIBRE_RADIUS_PX) for n_px in STAMPS_PX}
    star = (psf[STAMPS_PX[-1]] * fibre[STAMPS_PX[-1]]).sum((-2, -1))
    neighbours = np.array([_neighbour_stamps(one, rng) for one in psf[_NEIGHBOUR_PX]])
    return Bank(psf, star, fibre, neighbours)


def _neighbour_stamps(psf: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Discs of all radii and a star under one PSF: (n, 64, 64, 3)."""
    n_px = _NEIGHBOUR_PX
    discs = [
        profiles.exponential(n_px, radius / PIXEL_SCALE_ARCSEC, rng.uniform(0.35, 1), rng.uniform(0, np.pi))
        for radius in _NEIGHBOUR_RADII_ARCSEC
    ]
    shapes = [shape * shift(n_px, *rng.uniform(-0.5, 0.5, 2)) for shape in [*discs, np.float32(1)]]
    stamps = profiles.to_stamp(np.array(shapes, np.complex64)[:, None] * psf, n_px)
    return np.ascontiguousarray(np.moveaxis(stamps, 1, -1))


def shift(n_px: int, x: float, y: float) -> np.ndarray:
    """Move a half plane by a fraction of a pixel.

    Parameters
    ----------
    n_px : int
    x, y : float [pixel]

    Returns
    -------
    ndarray of shape (n_px, n_px // 2 + 1), complex64
        The factor that does it.
    """
    k = profiles.plane(n_px)
    return np.exp(-1j * k.x * np.float32(x)) * np.exp(-1j * k.y * np.float32(y))


def render(galaxy: np.void, bank: Bank, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Render one cutout.

    Parameters
    ----------
    galaxy : structured scalar
        With the columns of `galaxies.GALAXY_DTYPE`.
    bank : Bank
    rng : numpy.random.Generator

    Returns
    -------
    image : ndarray of shape (152, 152, 3), float32 [nanomaggies / pixel]
        Axes x, y, band, as in the published file. Never exactly 0, which is kept for pixels without
        data.
    fibre_fraction : ndarray of shape (3,)
        Share of the light inside the fibre relative to that of a star, in g, r, z: DESI's flux
        calibration corrects for what a star loses.
    """
    flux = galaxy["flux"][:3] * 10 ** (-0.4 * galaxy["ebv"] * EXTINCTION[:3])
    which = rng.integers(len(bank.star_in_fibre))
    model, in_fibre = _blurred(galaxy, flux[1], bank, which, rng)
    n_px = model.shape[1]
    # the catalogue's position is good to a fraction of a pixel of the cutout's grid
    model = model * (flux.astype(np.float32)[:, None, None] * shift(n_px, *rng.uniform(-0.5, 0.5, 2)))
    image = np.zeros((IMAGE_PX, IMAGE_PX, 3), np.float32)
    paste(image, profiles.to_stamp(model, n_px).transpose(2, 1, 0), IMAGE_PX // 2, IMAGE_PX // 2)
    add_neighbours(image, bank.neighbours[which], rng)
    return add_noise(image, rng), in_fibre


def fibre_fraction(galaxy: np.void, bank: Bank, rng: np.random.Generator) -> np.ndarray:
    """Tell what enters the fibre, without a cutout.

    Parameters
    ----------
    galaxy, bank, rng
        As for `render`.

    Returns
    -------
    ndarray of shape (3,)
        As `render` gives it.
    """
    flux_r = galaxy["flux"][1] * 10 ** (-0.4 * galaxy["ebv"] * EXTINCTION[1])
    which = rng.integers(len(bank.star_in_fibre))
    return _blurred(galaxy, flux_r, bank, which, rng)[1]


def _blurred(
    galaxy: np.void, flux_r: float, bank: Bank, which: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Galaxy under one of the bank's PSFs, of unit flux per band, and its share inside the fibre."""
    model = _model(galaxy, flux_r, rng)
    n_px = model.shape[1]
    model = model * bank.psf[n_px][which]
    return model, (model.real * bank.fibre[n_px]).sum((1, 2)) / bank.star_in_fibre[which]


def _model(galaxy: np.void, flux_r: float, rng: np.random.Generator) -> np.ndarray:
    """Galaxy before the blur, of unit flux per band: (3, n_px, n_px // 2 + 1)."""
    half_light = np.clip(galaxy["half_light_radius"], 0.25, MAX_RADIUS_ARCSEC) / PIXEL_SCALE_ARCSEC
    axis_ratio, angle = galaxy["axis_ratio"], rng.uniform(0, np.pi)
    if galaxy["quiescent"]:
        index, bulge_px, disc_px = rng.choice([3.0, 4.0, 5.0]), half_light, 1.3 * half_light
    else:
        index, bulge_px, disc_px = (
            rng.choice([1.5, 2.0, 3.0]),
            half_light * rng.uniform(0.15, 0.45),
            half_light,
        )
    # bulges are redder than discs
    bulge = np.clip(galaxy["bulge_fraction"] * morphology.RED, 0, 1).astype(np.float32)[:, None, None]
    n_px = _stamp_px(
        profiles.reach_px(index, bulge_px, flux_r * bulge[1, 0, 0] + 1e-9, _FAINT),
        profiles.reach_px(1, disc_px, flux_r, _FAINT) / axis_ratio**0.5,
    )
    if not galaxy["quiescent"] and galaxy["half_light_radius"] > morphology.RESOLVED_ARCSEC:
        disc = morphology.structured_disc(n_px, disc_px, max(axis_ratio, 0.12), angle, rng)
    else:
        disc = profiles.exponential(n_px, disc_px, max(axis_ratio, 0.12), angle)
    return bulge * profiles.sersic(n_px, index, bulge_px, max(axis_ratio, 0.55), angle) + (1 - bulge) * disc


def _stamp_px(*reach_px: float) -> int:
    """Smallest stamp that holds profiles of these radii and their blur."""
    needed = 2 * (max(reach_px) + 6)
    return next((n_px for n_px in STAMPS_PX if n_px >= needed), STAMPS_PX[-1])


def paste(image: np.ndarray, stamp: np.ndarray, x: int, y: int) -> None:
    """Add a stamp to an image, in place, with the stamp's middle on a pixel; cut at the edges.

    Parameters
    ----------
    image : ndarray of shape (152, 152, 3), float32
    stamp : ndarray of shape (n_px, n_px, 3), float32
    x, y : int
        May lie outside the image.
    """
    n_px, half = len(stamp), len(stamp) // 2
    left, low = x - half, y - half
    image[max(left, 0) : max(left + n_px, 0), max(low, 0) : max(low + n_px, 0)] += stamp[
        max(-left, 0) : max(IMAGE_PX - left, 0), max(-low, 0) : max(IMAGE_PX - low, 0)
    ]


def _counts(n: int, low: float, high: float, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Magnitudes from counts that grow as 10^(slope x magnitude)."""
    return low + np.log10(1 + rng.random(n) * (10 ** (slope * (high - low)) - 1)) / slope


def add_neighbours(image: np.ndarray, stamps: np.ndarray, rng: np.random.Generator) -> None:
    """Add field galaxies (18 < r < 23.5) and stars (16 < r < 23), in place.

    Parameters
    ----------
    image : ndarray of shape (152, 152, 3), float32 [nanomaggies / pixel]
    stamps : ndarray of shape (n_radius + 1, 64, 64, 3), float32
        One row of `Bank.neighbours`.
    rng : numpy.random.Generator
    """
    n_galaxy, n_star = rng.poisson(6), rng.poisson(0.8)
    n = n_galaxy + n_star
    r = np.r_[_counts(n_galaxy, 18, 23.5, 0.35, rng), _counts(n_star, 16, 23, 0.15, rng)]
    g_r = np.clip(rng.normal(0.8, 0.35, n), 0.15, 1.6)
    r_z = 0.6 * (g_r - 0.2) + rng.normal(0, 0.1, n)  # both galaxies and stars keep near one locus
    flux = (10 ** (0.4 * (22.5 - r[:, None] - np.c_[g_r, 0 * r, -r_z]))).astype(np.float32)
    # galaxies of r = 23 have 0.35 arcsec, those of 18 five times as much
    radius = 0.35 * 10 ** (0.14 * (23 - r) + rng.normal(0, 0.15, n))
    kind = np.abs(np.log(radius[:, None] / _NEIGHBOUR_RADII_ARCSEC)).argmin(1)
    kind[n_galaxy:] = len(stamps) - 1
    position = rng.integers(-80, 80, (n, 2))
    blended = (np.hypot(*position.T) < 3 / PIXEL_SCALE_ARCSEC) & (rng.random(n) > 0.1)
    position[blended] += 30  # blends with the target are rare
    # faint ones drown in the noise soon
    middle = _NEIGHBOUR_PX // 2
    reach = np.select([r > 22, r > 21], [12, 16], middle)
    turn, mirror = rng.integers(0, 4, n), rng.choice([-1, 1], n)
    for i in range(n):
        half = reach[i]
        stamp = stamps[kind[i]][middle - half : middle + half, middle - half : middle + half]
        stamp = np.rot90(stamp[:: mirror[i]], turn[i]) * flux[i]
        paste(image, stamp, *(position[i] + IMAGE_PX // 2))


def add_noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add the noise of sky and photons, in place.

    Parameters
    ----------
    image : ndarray of shape (152, 152, 3), float32 [nanomaggies / pixel]
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (152, 152, 3), float32 [nanomaggies / pixel]
        The same image, never exactly 0.
    """
    shape, location, scale = np.array(PIXEL_NOISE).T
    sky = location + scale * rng.lognormal(0, shape)
    variance = np.maximum(image, 0)
    variance /= np.float32(ELECTRONS_PER_NANOMAGGY)
    variance += (sky**2).astype(np.float32)
    noise = rng.standard_normal(image.shape, np.float32)
    noise *= np.sqrt(variance, out=variance)
    image += noise
    image[image == 0] = 1e-9
    return image
