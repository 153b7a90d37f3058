"""How good predicted distributions are: continuous ranked probability score and calibration."""

import numpy as np


def crps(quantiles: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Continuous ranked probability scores of distributions that are given by equidistant quantiles.

    Parameters
    ----------
    quantiles : ndarray of shape (m, n)
        Of n distributions at the levels of `levels(m)`, rising along the first axis.
    y : ndarray of shape (n,)
        True values.

    Returns
    -------
    ndarray of shape (n,), float64
        In the unit of y; of a distribution that is one value, the absolute error.

    Notes
    -----
    The score is the integral over levels t of 2 (1[y <= q_t] - t) (q_t - y), here by the midpoint rule
    (Gneiting & Raftery 2007, JASA 102, 359, section 4.2; Laio & Tamea 2007, HESS 11, 1267). For samples
    in the place of quantiles it is their E|X - y| - E|X - X'| / 2, computed without a matrix of pairs.
    """
    quantiles, y = np.asarray(quantiles, np.float64), np.asarray(y, np.float64)
    t = levels(len(quantiles))[:, None]
    above = quantiles - y
    return 2 * np.mean(((above >= 0) - t) * above, axis=0)


def levels(m: int) -> np.ndarray:
    """Midpoints of m equal parts of the interval from 0 to 1.

    Parameters
    ----------
    m : int

    Returns
    -------
    ndarray of shape (m,), float64
    """
    return (np.arange(m) + 0.5) / m


def covered(pit: np.ndarray, share: float) -> np.ndarray:
    """Tell which true values lie inside the central interval of their distribution.

    Parameters
    ----------
    pit : ndarray of any shape
        Share of the distribution below the true value.
    share : float
        Of the distribution that the interval holds.

    Returns
    -------
    ndarray of bool
    """
    return np.abs(pit - 0.5) <= share / 2
