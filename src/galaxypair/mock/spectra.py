"""DESI spectra: what arrives through the fibre, and what the spectrograph makes of it.

The noise model (its shape with wavelength, and the sky lines) was measured on the inverse variance
of two public DESI coadds; the absolute level is a choice.

References
----------
DESI Collaboration (2022), AJ 164, 207 (instrument); Guy et al. (2023), AJ 165, 144 (pipeline,
sky residuals, calibration on standard stars).
"""

import numpy as np
import scipy.fft

from galaxypair import tables
from galaxypair.mock.library import REST_WAVELENGTH, StellarLibrary
from galaxypair.mock.light import EXTINCTION, SPEED_OF_LIGHT, continuum, dilution, line_luminosity

WAVELENGTH = np.linspace(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, tables.N_WAVELENGTH)
STEP = WAVELENGTH[1] - WAVELENGTH[0]
RESOLUTION_SIGMA = 0.78  # Angstrom; FWHM of 1.8
BAND_CENTRES = (4770, 6420, 9150)  # Angstrom, where the fibre's share of g, r, z light is anchored
# decadic logarithm of the Milky Way's transmission per E(B-V)
MILKY_WAY = (-0.4 * EXTINCTION[1] * (WAVELENGTH / BAND_CENTRES[1]) ** -1.45).astype(np.float32)
FLUX_UNIT = 1e-17  # erg / s / cm2 / Angstrom
NOISE_LEVELS = (0.7, 0.28, 0.14)  # 1e-17 erg / s / cm2 / Angstrom: bright time, deep, very deep
DEEP_FROM_Z = 0.4
DEPTH_SHARES = np.array(  # of these levels: main sample up to `DEEP_FROM_Z`, beyond it, bright sample
    [[0.875, 0.125, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]]
)
LEVEL_SCATTER = 0.15  # dex
SKY_FLUX = 5  # 1e-17 erg / s / cm2 / Angstrom: a source whose photons add as much variance as the sky's
TILTS = (0.2, 0.15, 0.05)  # of the calibration: one spectrum in five by 15 %, the others by 5 %
CURVE_SCATTER = 0.015  # of the calibration at each knot
COSMIC_RAYS = (0.7, 1.7)  # log10 of their heights in units of the noise
RESIDUAL_SCALE = (0.1, 0.07)  # of `SKY_RESIDUALS`: the brightest line is off by 2 sigma
_LINE_REACH = 24  # pixels on each side that an emission line is drawn on

# straight lines between 9 knots, one row each
_KNOTS = np.linspace(WAVELENGTH[0], WAVELENGTH[-1], 9)
CALIBRATION_KNOTS = np.stack([np.interp(WAVELENGTH, _KNOTS, unit) for unit in np.eye(9)])

# noise per pixel relative to that at 6600 Angstrom: (wavelength, ratio)
_NOISE_KNOTS = (
    *((3600, 11), (3700, 7.5), (3850, 4.6), (4000, 3.7), (4300, 2.75), (4700, 2.15), (5200, 1.7)),
    *((5740, 1.6), (5800, 1.45), (6200, 1.18), (6600, 1), (7000, 0.87), (7500, 0.84), (7600, 0.86)),
    *((7700, 0.76), (8000, 0.67), (8800, 0.58), (9200, 0.56), (9600, 0.76), (9824, 0.82)),
)
NOISE_SHAPE = np.interp(WAVELENGTH, *np.array(_NOISE_KNOTS).T)

# bright night-sky lines: wavelength and variance relative to the sky between lines
_SKY_LINES = (
    *((5578, 24), (5890, 3), (6302, 12), (7278, 11), (7752, 11), (7796, 9), (7823, 11), (7855, 12)),
    *((7915, 17), (7966, 12), (7995, 15), (8028, 10), (8290, 13), (8301, 13), (8346, 40), (8401, 24)),
    *((8432, 35), (8467, 22), (8506, 9), (8763, 15), (8770, 23), (8780, 25), (8829, 80), (8838, 18)),
    *((8870, 11), (8888, 54), (8905, 13), (8922, 57), (8946, 12), (8960, 36), (8990, 13), (9003, 24)),
    *((9310, 40), (9315, 54), (9326, 134), (9340, 13), (9378, 188), (9422, 16), (9442, 350), (9462, 75)),
    *((9478, 97), (9504, 48), (9522, 29), (9555, 26), (9570, 42), (9623, 11), (9683, 11), (9702, 18)),
    *((9722, 23), (9793, 69), (9802, 16)),
)


def _sky_lines() -> tuple[np.ndarray, np.ndarray]:
    centre, variance = np.array(_SKY_LINES, float).T[..., None]
    offset = (WAVELENGTH - centre) / 1.2
    profile = np.exp(-0.5 * offset**2)
    # left by a sky model of slightly wrong strength (even) or wavelength (odd), in units of sigma
    residual = np.stack([profile, offset * profile]) * np.sqrt(variance)
    return (variance * profile).sum(0), residual.sum(1)


SKY_EXCESS, SKY_RESIDUALS = _sky_lines()  # (7781,) variance; (2, 7781) shapes of residuals


def fibre_spectra(galaxies: np.ndarray, fibre_fraction: np.ndarray, library: StellarLibrary) -> np.ndarray:
    """Noiseless spectra of the light inside the fibre.

    Parameters
    ----------
    galaxies : structured ndarray of shape (n,)
        Columns of `galaxies.GALAXY_DTYPE`.
    fibre_fraction : ndarray of shape (n, 3)
        Share of the light in the fibre in g, r, z, relative to that of a star.
    library : StellarLibrary

    Returns
    -------
    ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
        On `WAVELENGTH`, vacuum, observed frame, reddened by the Milky Way.
    """
    flux = _stars(galaxies, library)
    flux += _lines(galaxies, library)
    _lose(flux, galaxies, fibre_fraction)
    return flux


def fibre_components(
    galaxies: np.ndarray, fibre_fraction: np.ndarray, library: StellarLibrary
) -> tuple[np.ndarray, np.ndarray]:
    """Noiseless light of stars and of emission lines inside the fibre, whose sum is `fibre_spectra`.

    Parameters
    ----------
    galaxies, fibre_fraction, library
        As for `fibre_spectra`.

    Returns
    -------
    continuum, lines : ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
    """
    parts = _stars(galaxies, library), _lines(galaxies, library).astype(np.float32)
    for part in parts:
        _lose(part, galaxies, fibre_fraction)
    return parts


def _lose(flux: np.ndarray, galaxies: np.ndarray, fibre_fraction: np.ndarray) -> None:
    """Take away what the Milky Way's dust and the fibre's edge do, in place."""
    flux *= 10 ** (galaxies["ebv"][:, None] * MILKY_WAY)
    flux *= [np.interp(WAVELENGTH, BAND_CENTRES, share) for share in fibre_fraction]


def _stars(galaxies: np.ndarray, library: StellarLibrary) -> np.ndarray:
    """Continuum, blurred by the stars' motions, on the observed grid."""
    rest = continuum(galaxies, library.fine, REST_WAVELENGTH)
    pixel = SPEED_OF_LIGHT * np.log(REST_WAVELENGTH[1] / REST_WAVELENGTH[0])  # km/s
    sigma = galaxies["sigma_stars"][:, None] / np.float32(pixel)
    frequency = scipy.fft.rfftfreq(len(REST_WAVELENGTH)).astype(np.float32)
    blurred = scipy.fft.irfft(scipy.fft.rfft(rest) * np.exp(-2 * (np.pi * frequency * sigma) ** 2))
    stretch = 1 + galaxies["z"]
    scale = dilution(galaxies["z"]) / FLUX_UNIT
    rows = zip(stretch, blurred, scale, strict=True)
    return np.array([s * np.interp(WAVELENGTH, REST_WAVELENGTH * a, row) for a, row, s in rows], np.float32)


def _lines(galaxies: np.ndarray, library: StellarLibrary) -> np.ndarray:
    """Gaussian emission lines on the observed grid, float64."""
    stretch = 1 + galaxies["z"][:, None]
    centre = library.line_wavelength * stretch  # (n, line)
    total = line_luminosity(galaxies, library) * stretch * (dilution(galaxies["z"]) / FLUX_UNIT)[:, None]
    sigma = np.hypot(centre * galaxies["sigma_gas"][:, None] / SPEED_OF_LIGHT, RESOLUTION_SIGMA)
    nearest = np.rint((centre - WAVELENGTH[0]) / STEP).astype(int)
    row, line = np.nonzero((nearest > -_LINE_REACH) & (nearest < len(WAVELENGTH) + _LINE_REACH))
    centre, total, sigma = (v[row, line][:, None] for v in (centre, total, sigma))
    pixel = nearest[row, line][:, None] + np.arange(-_LINE_REACH, _LINE_REACH + 1)
    offset = (WAVELENGTH[0] + STEP * pixel - centre) / sigma
    profile = (total / (np.sqrt(2 * np.pi) * sigma) * np.exp(-0.5 * offset**2)).astype(np.float32)
    inside = (pixel >= 0) & (pixel < len(WAVELENGTH))
    flat = (row[:, None] * len(WAVELENGTH) + pixel)[inside]
    shape = len(galaxies), len(WAVELENGTH)
    return np.bincount(flat, profile[inside], np.prod(shape)).reshape(shape)


def observe(flux: np.ndarray, galaxies: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Observe spectra: photon and read noise, sky residuals, calibration errors, cosmic rays.

    Parameters
    ----------
    flux : ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
        From `fibre_spectra`.
    galaxies : structured ndarray of shape (n,)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
        Never exactly 0, which is kept for pixels without data.
    """
    sigma = noise_level(galaxies, rng)[:, None] * NOISE_SHAPE.astype(np.float32)
    sigma *= np.sqrt(1 + SKY_EXCESS.astype(np.float32) + np.clip(flux, 0, None) / SKY_FLUX)
    noise = rng.standard_normal(flux.shape, np.float32)
    noise += rng.normal(0, RESIDUAL_SCALE, (len(flux), 2)).astype(np.float32) @ SKY_RESIDUALS.astype(
        np.float32
    )
    observed = flux * _calibration_error(len(flux), rng)
    observed += sigma * noise
    _add_cosmic_rays(observed, sigma, rng)
    observed[observed == 0] = 1e-9
    return observed


def noise_level(galaxies: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise per pixel at 6600 Angstrom: bright-time exposures, and deeper ones.

    Parameters
    ----------
    galaxies : structured ndarray of shape (n,)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n,), float32 [1e-17 erg / s / cm2 / Angstrom]

    Notes
    -----
    Half of the galaxies beyond z = 0.4 are deep (dark time), as are two thirds of the bright sample
    (like the repeated exposures of survey validation; half of those reach the S/N of 15 to 40 of
    SDSS spectra of nearby galaxies) and one in eight of the rest.
    """
    kind = np.where(galaxies["bright_sample"], 2, np.where(galaxies["z"] > DEEP_FROM_Z, 1, 0))
    uniform = rng.random((len(galaxies), 1))
    level = np.array(NOISE_LEVELS)[(uniform >= DEPTH_SHARES.cumsum(1)[kind, :2]).sum(1)]
    return (level * 10 ** rng.normal(0, LEVEL_SCATTER, len(galaxies))).astype(np.float32)


def _calibration_error(n: int, rng: np.random.Generator) -> np.ndarray:
    """Multiplicative error: a tilt and a wavy curve: (n, 7781)."""
    share, strong, weak = TILTS
    tilt = np.where(rng.random(n) < share, strong, weak) * rng.normal(size=n)
    n_knots = len(CALIBRATION_KNOTS)
    curve = 1 + rng.normal(0, CURVE_SCATTER, (n, n_knots))
    curve *= np.exp(tilt[:, None] * np.linspace(-0.5, 0.5, n_knots))
    return curve.astype(np.float32) @ CALIBRATION_KNOTS.astype(np.float32)


def _add_cosmic_rays(observed: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> None:
    """Add the cosmic rays that masking missed, one per spectrum on average, in place."""
    hits = rng.poisson(len(observed))
    row = rng.integers(0, len(observed), hits)
    pixel = rng.integers(0, observed.shape[1] - 1, hits)
    height = sigma[row, pixel] * 10 ** rng.uniform(*COSMIC_RAYS, hits)
    observed[row, pixel] += height
    observed[row, pixel + 1] += height * rng.uniform(0, 1, hits)
