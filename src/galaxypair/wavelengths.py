"""Wavelengths in air and in vacuum."""

import numpy as np


def air_to_vacuum(wavelength: np.ndarray) -> np.ndarray:
    """Convert wavelengths in standard air to vacuum.

    Parameters
    ----------
    wavelength : ndarray [Angstrom]
        In air; below 2000 Angstrom they are vacuum by convention and left alone.

    Returns
    -------
    ndarray [Angstrom]

    References
    ----------
    N. Piskunov's inversion of Ciddor (1996), as used by VALD.
    """
    s = (1e4 / np.maximum(wavelength, 2000.0)) ** 2
    n = (
        1
        + 8.336624212083e-5
        + 0.02408926869968 / (130.1065924522 - s)
        + 1.599740894897e-4 / (38.92568793293 - s)
    )
    return np.where(wavelength >= 2000, wavelength * n, wavelength)
