"""How alike in redshift, mass and other properties a galaxy and its neighbours are.

Protocol `test_split`, as of `retrieval`: queries and references are the galaxies of the test split
with both modalities. The query's own galaxy is left out in all four pairs of modalities: across
modalities it would agree with itself.
"""

import logging
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from galaxypair import metrics, retrieval, tables
from galaxypair.io import Embeddings
from galaxypair.properties import REDSHIFTS, choose_targets, target_values

logger = logging.getLogger(__name__)


def evaluate(
    test: Embeddings,
    properties: pd.DataFrame,
    *,
    targets: Sequence[str] | None,
    ranks: Sequence[int],
    bootstrap: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Measure the differences in each property between queries and their neighbours, rank by rank.

    Parameters
    ----------
    test : Embeddings
        Galaxies without both modalities are left out.
    properties : pandas.DataFrame
        `targetid` and the properties.
    targets : sequence of str or None
        See `properties.choose_targets`.
    ranks : sequence of int
        1 = the nearest other galaxy; those beyond the number of other galaxies are left out.
    bootstrap : int
        Resamplings of the queries.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.METRIC_COLUMNS`: of each pair of modalities, target and rank `nmad_rank_{rank}` and, of
        redshifts and of properties in log10, `close_fraction_rank_{rank}`; beside them `random_nmad` and
        `random_close_fraction`, of pairs of galaxies drawn at random. n counts the queries whose
        property and whose neighbour's property are known.

    Raises
    ------
    ConfigError
        If a target cannot be had.
    DataError
        If fewer than two galaxies have both modalities.

    Notes
    -----
    The difference is d = neighbour - query, of redshifts divided by 1 + z of the query; NMAD as in
    `metrics.summarise`. Close means |d| <= 0.05 of redshifts and |d| <= 0.2 of properties in log10.
    Intervals resample the queries; that queries share neighbours is not in them.
    """
    targetid, unit = retrieval.complete(test)
    own = properties.set_index("targetid").reindex(targetid)
    names = choose_targets(properties, targets)
    values = {name: target_values(own, name) for name in names}
    ranks = usable_ranks(ranks, len(targetid))
    measured = partial(_measure, bootstrap=bootstrap, rng=rng)
    random = {name: measured(v, random_partners(v, rng), name) for name, v in values.items()}
    rows = []
    for query, reference in retrieval.PAIRS:
        others = retrieval.nearest_others(
            unit[reference], unit[query], np.arange(len(targetid)), max(ranks, default=1)
        )
        for name, value in values.items():
            found = {
                f"{metric}_rank_{rank}": row
                for rank in ranks
                for metric, row in measured(value, value[others[:, rank - 1]], name).items()
            }
            found |= {f"random_{metric}": row for metric, row in random[name].items()}
            key = (retrieval.PROTOCOL, reference, query, name)
            rows += [(*key, metric, *row) for metric, row in found.items()]
        logger.info("%s queries, %s references: neighbours compared", query, reference)
    return pd.DataFrame(rows, columns=list(tables.METRIC_COLUMNS))


def usable_ranks(ranks: Sequence[int], n: int) -> list[int]:
    """Drop ranks that a sample is too small for.

    Parameters
    ----------
    ranks : sequence of int
    n : int
        Galaxies, each of which has n - 1 others.

    Returns
    -------
    list of int
        Rising.
    """
    usable = sorted(rank for rank in ranks if rank < n)
    if len(usable) < len(ranks):
        logger.warning(
            "ranks %s need more than the %d other galaxies of the test split: left out.",
            ", ".join(str(rank) for rank in sorted(ranks) if rank >= n),
            n - 1,
        )
    return usable


def random_partners(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give each galaxy the value of another one at random.

    Parameters
    ----------
    values : ndarray of shape (n,)
        NaN where unknown.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n,)
        Each known value once and never at its own galaxy; NaN where the galaxy's own is unknown.
    """
    drawn = rng.permutation(np.flatnonzero(np.isfinite(values)))
    partners = np.full(len(values), np.nan)
    partners[drawn] = values[np.roll(drawn, 1)]  # a ring: nobody is next to himself, unless alone
    return partners if len(drawn) > 1 else np.full(len(values), np.nan)


def _measure(
    query: np.ndarray, neighbour: np.ndarray, target: str, *, bootstrap: int, rng: np.random.Generator
) -> dict[str, tuple[float, float, float, int]]:
    """Statistics of the differences, with interval and number of galaxies; empty where none are known."""
    difference = neighbour - query
    if relative := target in REDSHIFTS:
        difference = difference / (1 + query)
    difference = difference[np.isfinite(difference)]
    if len(difference) == 0:
        return {}
    limit = metrics.REDSHIFT_OUTLIER if relative else metrics.CLOSE_DEX if target.startswith("log_") else None
    measure = partial(_scatter, limit=limit)
    summary = metrics.with_interval(measure, difference, bootstrap=bootstrap, rng=rng)
    return {name: (*values, len(difference)) for name, values in summary.items()}


def _scatter(difference: np.ndarray, limit: float | None) -> dict[str, np.ndarray]:  # (b, n) -> (b,)
    median = np.median(difference, axis=1, keepdims=True)
    found = {"nmad": metrics.NMAD_PER_MAD * np.median(np.abs(difference - median), axis=1)}
    if limit is not None:
        found["close_fraction"] = np.mean(np.abs(difference) <= limit, axis=1)
    return found
