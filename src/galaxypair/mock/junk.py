"""Spoiled rows, as the real file has them: about one in forty.

`truth.hdf5` names the kind of every row by its position in `KINDS`.
"""

import numpy as np

from galaxypair.tables import IMAGE_PX

KINDS = ("good", "dead_spectrum", "failed_redshift", "missing_band", "saturated_star")
DEAD_SPECTRUM = KINDS.index("dead_spectrum")  # every pixel exactly 0
FAILED_REDSHIFT = KINDS.index("failed_redshift")  # no signal, redshift outside [0, 0.8]
MISSING_BAND = KINDS.index("missing_band")  # part of one band exactly 0
SATURATED_STAR = KINDS.index("saturated_star")  # halo and bleed trail of a bright star
_SHARES = np.array([5, 5, 7, 7]) / 24  # of the spoiled rows, in the order of KINDS[1:]


def draw_kinds(n: int, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Spoil a fixed number of rows, at random places.

    Parameters
    ----------
    n : int
    fraction : float
        Share of spoiled rows.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n,), int8
        Position in `KINDS`, 0 for a good row.
    """
    spoiled = round(fraction * n)
    ends = np.rint(np.cumsum(_SHARES) * spoiled).astype(int)
    kinds = np.zeros(n, np.int8)
    kinds[:spoiled] = 1 + np.searchsorted(ends, np.arange(spoiled), side="right")
    return rng.permutation(kinds)


def failed_redshifts(n: int, rng: np.random.Generator) -> np.ndarray:
    """Redshifts of a fit gone wrong: a star's, or far beyond the survey.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n,), float64
    """
    return np.where(rng.random(n) < 0.5, rng.uniform(-0.002, -1e-4, n), rng.uniform(0.81, 1.7, n))


def spoil_image(image: np.ndarray, kind: int, rng: np.random.Generator) -> None:
    """Spoil a cutout, in place, if its kind is one of an image's.

    Parameters
    ----------
    image : ndarray of shape (152, 152, 3), float32 [nanomaggies / pixel]
    kind : int
        Position in `KINDS`.
    rng : numpy.random.Generator
    """
    x, y = rng.integers(10, IMAGE_PX - 10, 2)
    if kind == MISSING_BAND:
        image[:, y:, rng.integers(3)] = 0
    elif kind == SATURATED_STAR:
        grid = np.arange(IMAGE_PX)
        distance = np.hypot(grid[:, None] - x, grid - y)
        image += (60 * (distance + 1) ** -2.2)[..., None] * np.array([0.5, 1, 1.2])
        image[x - 2 : x + 2] += 4  # the bleed trail runs along the detector's columns
