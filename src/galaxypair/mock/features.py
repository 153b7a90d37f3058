"""Pieces that spectra of stars and quasars are built from, on the survey's grid of wavelengths."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from galaxypair.mock.spectra import STEP, WAVELENGTH

N_PX = len(WAVELENGTH)
_REACH = 4.5  # sigma on each side that a Gaussian is drawn on
_PLANCK = 1.438777e8  # h c / k [Angstrom K]


def unit(flux: np.ndarray) -> np.ndarray:
    """Scale a spectrum to a mean absolute flux of 1.

    Parameters
    ----------
    flux : ndarray of shape (7781,)

    Returns
    -------
    ndarray of shape (7781,), float32
    """
    return (flux / np.abs(flux).mean()).astype(np.float32)


def planck(temperature: float) -> np.ndarray:
    """Flux of a black body per unit of wavelength, mean 1.

    Parameters
    ----------
    temperature : float [K]

    Returns
    -------
    ndarray of shape (7781,), float32
    """
    return unit(WAVELENGTH**-5.0 / np.expm1(_PLANCK / (WAVELENGTH * temperature)))


def gaussians(centre: np.ndarray, sigma: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Sum of Gaussians, each drawn only where it is not negligible.

    Parameters
    ----------
    centre, sigma : array_like of shape (n,) [Angstrom]
        Those beyond the grid are left out.
    height : array_like of shape (n,)

    Returns
    -------
    ndarray of shape (7781,), float64
    """
    total = np.zeros(N_PX)
    for c, s, h in zip(*np.broadcast_arrays(centre, sigma, height), strict=True):
        first = int(np.clip((c - _REACH * s - WAVELENGTH[0]) / STEP, 0, N_PX))
        last = int(np.clip((c + _REACH * s - WAVELENGTH[0]) / STEP, 0, N_PX)) + 1
        offset = (WAVELENGTH[first:last] - c) / s
        total[first:last] += h * np.exp(-0.5 * offset**2)
    return total


def lorentzians(centre: np.ndarray, half_width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Sum of Lorentzians; parameters as in `gaussians`, widths at half maximum.

    Returns
    -------
    ndarray of shape (7781,), float64
    """
    c, w, h = (a[:, None] for a in np.broadcast_arrays(centre, half_width, height))
    return (h / (1 + ((WAVELENGTH - c) / w) ** 2)).sum(0)


def ripple(sigma_px: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random curve of mean 0 and variance 1.

    Parameters
    ----------
    sigma_px : float
        Of the Gaussian that smooths it.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (7781,)
    """
    step = max(1, int(sigma_px / 4))  # wide filters are slow: smooth a coarse curve
    sigma = sigma_px / step
    curve = gaussian_filter1d(rng.standard_normal(N_PX // step + 2, np.float32), sigma, truncate=3)
    curve *= np.float32((2 * np.pi**0.5 * sigma) ** 0.5)
    return np.interp(np.arange(N_PX) / step, np.arange(len(curve)), curve) if step > 1 else curve[:N_PX]


def moved(flux: np.ndarray, factor: float) -> np.ndarray:
    """Stretch a spectrum in wavelength; the ends are held.

    Parameters
    ----------
    flux : ndarray of shape (7781,)
    factor : float
        What was at 5000 Angstrom lands at 5000 times this.

    Returns
    -------
    ndarray of shape (7781,), float64
    """
    return np.interp(WAVELENGTH, WAVELENGTH * factor, flux)
