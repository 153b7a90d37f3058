"""How well prediction intervals hold: shares of true values inside, widths, and both in bins."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from galaxypair import metrics, tables
from galaxypair.zeroshot_bins import WIDTH, Scoring
from galaxypair.zeroshot_bins import evaluate as evaluate_bins

logger = logging.getLogger(__name__)

CROSS, VAL = "conformal_cross", "conformal_val"  # protocols: calibrated on val and test, or on val alone
KEY = ["reference", "query", "target"]


def summarise(
    intervals: pd.DataFrame, protocol: str, bootstrap: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure how many true values lie inside, and how wide the intervals are.

    Parameters
    ----------
    intervals : pandas.DataFrame
        From `intervals.cross_fitted`.
    protocol : str
    bootstrap : int
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.METRIC_COLUMNS`, metrics coverage@{level} and median_width@{level} [unit of the target].
    """
    rows = []
    for (*key, level), part in intervals.groupby([*KEY, "level"], sort=False):
        summary = _scoring(protocol, level, ("coverage", "median_width"), bootstrap, rng).score(part)
        rows += [(protocol, *key, name, *values, len(part)) for name, values in summary.items()]
        logger.info(
            "%s: %s references, %s queries: %s inside the interval of %g: %.3f (%.3f ... %.3f)",
            *(protocol, *key, level, *summary[f"coverage@{level:g}"]),
        )
    return pd.DataFrame(rows, columns=list(tables.METRIC_COLUMNS))


def summarise_bins(
    intervals: pd.DataFrame,
    z: np.ndarray,
    *,
    bins: int,
    min_galaxies: int,
    bootstrap: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Measure the same in bins of redshift and of the interval's width.

    Parameters
    ----------
    intervals : pandas.DataFrame
        From `intervals.cross_fitted`.
    z : ndarray of shape (n,)
        Of each row.
    bins, min_galaxies : int
        See `zeroshot_bins.evaluate`.
    bootstrap : int
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.BIN_COLUMNS`. By z: coverage@{level} and median_width@{level}. By the width: coverage@{level}
        and error@{level}, the quantile of |y_true - y_pred| that half a well-made width equals.

    Notes
    -----
    Nothing promises the nominal coverage inside a bin: conformal intervals hold it on average over all
    galaxies alone.
    """
    parts = []
    for level in intervals["level"].unique():
        here = (intervals["level"] == level).to_numpy()
        rows = intervals[here]
        for value, names in (
            ({"z": z[here]}, ("coverage", "median_width")),
            ({WIDTH: (rows["high"] - rows["low"]).to_numpy()}, ("coverage", "error")),
        ):
            scoring = _scoring(CROSS, level, names, bootstrap, rng)
            parts.append(evaluate_bins(rows, value, scoring, bins=bins, min_galaxies=min_galaxies))
    empty = pd.DataFrame(columns=list(tables.BIN_COLUMNS))
    return pd.concat(parts, ignore_index=True) if parts else empty


def _scoring(
    protocol: str, level: float, names: Sequence[str], bootstrap: int, rng: np.random.Generator
) -> Scoring:
    def score(rows: pd.DataFrame) -> metrics.Summary:
        truth, predicted, low, high = rows[["y_true", "y_pred", "low", "high"]].to_numpy(np.float64).T
        inside = ((truth >= low) & (truth <= high)).astype(np.float64)
        known = {
            "coverage": (inside, lambda values: values.mean(axis=1)),
            "median_width": (high - low, lambda values: np.median(values, axis=1)),
            "error": (np.abs(truth - predicted), lambda values: np.quantile(values, level, axis=1)),
        }
        found = {}
        for name in names:  # each alone: to resample one column is faster than three
            values, measure = known[name]
            labelled = partial(_labelled, f"{name}@{level:g}", measure)
            found |= metrics.with_interval(labelled, values, bootstrap=bootstrap, rng=rng)
        return found

    return Scoring(protocol, tuple(f"{name}@{level:g}" for name in names), score)


def _labelled(
    name: str, measure: Callable[[np.ndarray], np.ndarray], values: np.ndarray
) -> dict[str, np.ndarray]:
    return {name: measure(values)}
