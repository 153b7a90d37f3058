"""How good predictions are: R², scatter, bias and outliers, each with a bootstrap interval."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

INTERVAL = (16.0, 84.0)  # percentiles: the central 68 %
REDSHIFT_OUTLIER = 0.05  # |z_pred - z| / (1 + z) above this is an outlier
OUTLIER_NMADS = 5.0  # the same for all other targets, in units of their own scatter
NMAD_PER_MAD = 1.4826  # makes the NMAD of normal errors their standard deviation
LEAST_RESIDUAL = 1e-30  # of 1 - R2 of perfect predictions, which has no logarithm
BLOCK_VALUES = 4_000_000  # resampled values in memory at a time (32 MB per array)

# of a resampling: a statistic, or a statistic and its standard error, estimated from the same galaxies
Measure = Callable[..., dict[str, np.ndarray | tuple[np.ndarray, np.ndarray]]]
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
        `r2`, `nmad`, `bias`, `outlier_fraction`: (value, low, high), the central 68 % interval.
        NaN where undefined: no galaxies, or R² of a constant truth.

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

    The interval of R² is studentised, by the standard error of ln(1 - R²) from its influence function
    (Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 12.5): a few catastrophic errors
    carry most of 1 - R², so that samples without them look both too good and too certain, which
    percentiles of resamplings, also those corrected for bias and skewness, do not make up for. The
    others are percentiles. Those of the NMAD are somewhat wide in small samples.
    """
    y_true, y_pred = np.asarray(y_true, float), np.asarray(y_pred, float)
    if y_true.shape != y_pred.shape or y_true.ndim != 1:
        raise ValueError(f"truth {y_true.shape} and prediction {y_pred.shape} must be equally long vectors")
    if not (np.isfinite(y_true).all() and np.isfinite(y_pred).all()):
        raise ValueError("truth and prediction must be finite: leave out the others beforehand")
    measure = partial(_regression, relative=relative)
    summary = with_interval(measure, y_true, y_pred, bootstrap=bootstrap, rng=rng)
    value, low, high = summary.pop("log_residual")
    return {"r2": tuple(1 - np.exp(v) for v in (value, high, low)), **summary}


def with_interval(
    measure: Measure, *columns: np.ndarray, bootstrap: int, rng: np.random.Generator
) -> Summary:
    """Evaluate statistics on a sample and on bootstrap resamplings of it.

    Parameters
    ----------
    measure : callable
        Gets each column with shape (b, n), a row per resampling; gives arrays of shape (b,), or two:
        the statistic and its standard error.
    *columns : ndarray of shape (n,)
        Rows are galaxies and stay together when resampled.
    bootstrap : int
        Number of resamplings.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to tuple of float
        (value, low, high) per statistic: the sample's own, and the central 68 % interval, from the
        percentiles of the resamplings or, with a standard error, of their distances from the
        value in units of their own.
    """
    n = len(columns[0])
    if n == 0:
        one = [np.zeros((1, 1)) for _ in columns]
        return {name: (np.nan, np.nan, np.nan) for name in measure(*one)}
    own = measure(*(column[None] for column in columns))
    blocks = [measure(*(column[rows] for column in columns)) for rows in _resamplings(n, bootstrap, rng)]
    summary = {}
    for name, found in own.items():
        if isinstance(found, tuple):
            value, error = (float(part[0]) for part in found)
            draws, errors = (np.concatenate(parts) for parts in zip(*(b[name] for b in blocks), strict=True))
            apart = draws - value
            away = np.divide(apart, errors, out=np.where(apart == 0, 0.0, np.nan), where=errors > 0)
            high, low = (value - error * limit for limit in _limits(away))
        else:
            value = float(found[0])
            low, high = _limits(np.concatenate([block[name] for block in blocks]))
        summary[name] = (value, low, high)
    return summary


def _limits(values: np.ndarray) -> tuple[float, float]:
    values = values[np.isfinite(values)]  # R² of a resampling that drew one galaxy n times
    low, high = np.percentile(values, INTERVAL) if len(values) else (np.nan, np.nan)
    return float(low), float(high)


def _resamplings(n: int, bootstrap: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    step = max(1, BLOCK_VALUES // n)
    for start in range(0, bootstrap, step):
        yield rng.integers(0, n, (min(step, bootstrap - start), n))


def _regression(y_true: np.ndarray, y_pred: np.ndarray, *, relative: bool) -> dict[str, np.ndarray]:
    difference = y_pred - y_true  # (b, n)
    error = difference / (1 + y_true) if relative else difference
    bias = np.median(error, axis=1)
    nmad = NMAD_PER_MAD * np.median(np.abs(error - bias[:, None]), axis=1)
    limit = REDSHIFT_OUTLIER if relative else OUTLIER_NMADS * nmad[:, None]
    outliers = np.mean(np.abs(error) > limit, axis=1)
    return {
        "log_residual": _log_residual(y_true, difference),
        "nmad": nmad,
        "bias": bias,
        "outlier_fraction": outliers,
    }


def _log_residual(y_true: np.ndarray, difference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give ln(1 - R²) of each row and its standard error; NaN where the truth is constant."""
    n = y_true.shape[1]
    influence = y_true - y_true.mean(axis=1, keepdims=True)  # (b, n)
    residual, variance = (np.einsum("bn,bn->b", v, v) / n for v in (difference, influence))
    variance[variance <= (1e-12 * np.abs(y_true).max(axis=1)) ** 2] = np.nan  # constant but for rounding
    value = np.log(np.maximum(residual / variance, LEAST_RESIDUAL))
    influence *= influence
    influence /= -variance[:, None]
    influence += difference**2 / np.where(residual > 0, residual, 1)[:, None]  # its mean is 0
    return value, np.sqrt(np.einsum("bn,bn->b", influence, influence)) / n
