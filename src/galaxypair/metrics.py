"""How good predictions are: R², scatter, bias and outliers, each with a bootstrap interval."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

INTERVAL = (16.0, 84.0)  # percentiles: the central 68 %
REDSHIFT_OUTLIER = 0.05  # |z_pred - z| / (1 + z) above this is an outlier
CLOSE_DEX = 0.2  # neighbours whose logarithms of a property differ by at most this are close
OUTLIER_NMADS = 5.0  # the same for all other targets, in units of their own scatter
NMAD_PER_MAD = 1.4826  # makes the NMAD of normal errors their standard deviation
BLOCK_VALUES = 4_000_000  # resampled values in memory at a time (32 MB per array)

Measure = Callable[..., dict[str, np.ndarray]]
Summary = dict[str, tuple[float, float, float]]


def summarise(
    y_true: np.ndarray, y_pred: np.ndarray, *, relative: bool, bootstrap: int, rng: np.random.Generator
) -> Summary:
    """Measure predictions against the truth, with 68 % intervals.

    Parameters
    ----------
    y_true : ndarray of shape (n,)
    y_pred : ndarray of shape (n,)
        Both finite: leave out galaxies without label or prediction beforehand.
    relative : bool
        True for redshifts: errors are d = (y_pred - y_true) / (1 + y_true). False: d is the
        difference, in the unit of y.
    bootstrap : int
        Resamplings of the galaxies, with replacement.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to tuple of float
        `r2`, `nmad`, `bias`, `outlier_fraction`: (value, low, high) with the 16th and 84th
        percentile of the resamplings. NaN where undefined: no galaxies, or R² of a constant truth.

    Raises
    ------
    ValueError
        If the shapes differ or a value is not finite.

    Notes
    -----
    R² = 1 - sum((y_pred - y_true)²) / sum((y_true - mean(y_true))²), never of relative errors.
    NMAD = 1.4826 median(|d - median(d)|) and bias = median(d): one catastrophic error moves
    neither. An outlier has |d| > 0.05 if relative, otherwise |d| > 5 NMAD, which measures the
    tail of the errors against their own core and so does not compare between models.
    """
    y_true, y_pred = np.asarray(y_true, float), np.asarray(y_pred, float)
    if y_true.shape != y_pred.shape or y_true.ndim != 1:
        raise ValueError(f"truth {y_true.shape} and prediction {y_pred.shape} must be equally long vectors")
    if not (np.isfinite(y_true).all() and np.isfinite(y_pred).all()):
        raise ValueError("truth and prediction must be finite: leave out the others beforehand")
    return with_interval(
        partial(_regression, relative=relative), y_true, y_pred, bootstrap=bootstrap, rng=rng
    )


def with_interval(
    measure: Measure, *columns: np.ndarray, bootstrap: int, rng: np.random.Generator
) -> Summary:
    """Evaluate statistics on a sample and on bootstrap resamplings of it.

    Parameters
    ----------
    measure : callable
        Gets each column with shape (b, n), a row per resampling; gives arrays of shape (b,).
    *columns : ndarray of shape (n,)
        Rows are galaxies and stay together when resampled.
    bootstrap : int
        Number of resamplings.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to tuple of float
        (value, low, high) per statistic: the sample's own, and the central 68 % interval.
    """
    n = len(columns[0])
    if n == 0:
        one = [np.zeros((1, 1)) for _ in columns]
        return {name: (np.nan, np.nan, np.nan) for name in measure(*one)}
    value = measure(*(column[None] for column in columns))
    blocks = [measure(*(column[rows] for column in columns)) for rows in _resamplings(n, bootstrap, rng)]
    summary = {}
    for name in value:
        values = np.concatenate([block[name] for block in blocks])
        values = values[np.isfinite(values)]  # R² of a resampling that drew one galaxy n times
        low, high = np.percentile(values, INTERVAL) if len(values) else (np.nan, np.nan)
        summary[name] = (float(value[name][0]), float(low), float(high))
    return summary


def _resamplings(n: int, bootstrap: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    step = max(1, BLOCK_VALUES // n)
    for start in range(0, bootstrap, step):
        yield rng.integers(0, n, (min(step, bootstrap - start), n))


def _regression(y_true: np.ndarray, y_pred: np.ndarray, *, relative: bool) -> dict[str, np.ndarray]:
    difference = y_pred - y_true  # (b, n)
    variance = np.var(y_true, axis=1)
    variance[variance < (1e-12 * np.abs(y_true).max(axis=1)) ** 2] = 0  # constant but for rounding
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(variance > 0, 1 - np.mean(difference**2, axis=1) / variance, np.nan)
    error = difference / (1 + y_true) if relative else difference
    bias = np.median(error, axis=1)
    nmad = NMAD_PER_MAD * np.median(np.abs(error - bias[:, None]), axis=1)
    limit = REDSHIFT_OUTLIER if relative else OUTLIER_NMADS * nmad[:, None]
    outliers = np.mean(np.abs(error) > limit, axis=1)
    return {"r2": r2, "nmad": nmad, "bias": bias, "outlier_fraction": outliers}
