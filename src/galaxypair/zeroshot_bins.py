"""Where zero-shot predictions are good: scores of the test galaxies in bins of a property."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from galaxypair import metrics, tables
from galaxypair.apart import check_apart
from galaxypair.errors import DataError
from galaxypair.io import Embeddings
from galaxypair.knn import nearest
from galaxypair.properties import REDSHIFTS, target_values
from galaxypair.protocols import OWN, PAIRS
from galaxypair.spaces import space_vectors

logger = logging.getLogger(__name__)

DISTANCE = "reference_distance"
WIDTH = "interval_width"
OWN_EDGES = {  # properties of which a galaxy has several: those who share the edges of their bins
    DISTANCE: ["reference", "query"],
    WIDTH: ["reference", "query", "target"],
}


@dataclass(frozen=True)
class Scoring:
    """How the galaxies of a bin are scored.

    Attributes
    ----------
    protocol : str
        Stands in the table.
    metrics : tuple of str
    score : callable
        From rows of one pair and target to (value, low, high) of each of the metrics.
    """

    protocol: str
    metrics: tuple[str, ...]
    score: Callable[[pd.DataFrame], metrics.Summary]


def reference_distance(train: Embeddings, test: Embeddings, k: int) -> pd.DataFrame:
    """Measure how sparse the references are around each test galaxy.

    Parameters
    ----------
    train, test : Embeddings
        References and queries.
    k : int

    Returns
    -------
    pandas.DataFrame
        targetid, reference, query, reference_distance: Euclidean distance of unit embeddings to the k-th
        nearest reference (to the farthest, if there are fewer). Absent without vectors of both.

    Raises
    ------
    DataError
        If a galaxy is on both sides.
    """
    check_apart(train, test, "references and queries")
    parts = [pd.DataFrame({"targetid": [], "reference": "", "query": "", DISTANCE: []})]
    for reference, query in PAIRS:
        _, known = space_vectors(train, reference)
        targetid, asked = space_vectors(test, query)
        if len(known) and len(asked):
            distance, _ = nearest(known, asked, min(k, len(known)))
            key = {"reference": reference, "query": query, DISTANCE: distance[:, -1]}
            parts.append(pd.DataFrame({"targetid": targetid, **key}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def property_values(
    predictions: pd.DataFrame, name: str, properties: pd.DataFrame, others: Sequence[pd.DataFrame]
) -> np.ndarray:
    """Look up a property for each row of the predictions.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `metrics/zeroshot_predictions.parquet`.
    name : str
        A column of `others`, or what `properties.target_values` gives of `properties`.
    properties : pandas.DataFrame
        `crossmatch/properties.parquet`.
    others : sequence of pandas.DataFrame
        Each of targetid, perhaps reference and query, and one property more.

    Returns
    -------
    ndarray of shape (n,), float64
        NaN where it is unknown.
    """
    table = next((other for other in others if name in other), None)
    if table is None:
        values = target_values(properties, name)
        table = pd.DataFrame({"targetid": properties["targetid"].to_numpy(), name: values})
    keys = [key for key in ("targetid", "reference", "query") if key in table]
    asked = predictions[keys].astype({key: str for key in keys[1:]})
    return asked.merge(table, on=keys, how="left", validate="m:1")[name].to_numpy(np.float64)


def regression(bootstrap: int, rng: np.random.Generator) -> Scoring:
    """Score predictions as `metrics/zeroshot.csv` does.

    Parameters
    ----------
    bootstrap : int
        Resamplings of the galaxies of a bin.
    rng : numpy.random.Generator

    Returns
    -------
    Scoring
        Of rows with target, y_true and y_pred.
    """

    def score(rows: pd.DataFrame) -> metrics.Summary:
        truth, predicted = rows["y_true"].to_numpy(), rows["y_pred"].to_numpy()
        relative = rows["target"].iloc[0] in REDSHIFTS
        return metrics.summarise(truth, predicted, relative=relative, bootstrap=bootstrap, rng=rng)

    return Scoring(OWN, ("r2", "nmad", "bias", "outlier_fraction"), score)


def evaluate(
    predictions: pd.DataFrame,
    values: dict[str, np.ndarray],
    scoring: Scoring,
    *,
    bins: int,
    min_galaxies: int,
) -> pd.DataFrame:
    """Score predictions in bins of equally many test galaxies.

    Parameters
    ----------
    predictions : pandas.DataFrame
        targetid, reference, query, target, and what the scoring needs.
    values : dict of str to ndarray of shape (n,)
        Property of each row of the predictions, NaN where unknown, see `property_values`.
    scoring : Scoring
    bins : int
    min_galaxies : int
        A bin with fewer has no score, but stands in the table with its number.

    Returns
    -------
    pandas.DataFrame
        `tables.BIN_COLUMNS`. A property that no galaxy has is left out, which is logged.

    Raises
    ------
    DataError
        If no galaxy has any of the properties.

    Notes
    -----
    The edges are quantiles over the test galaxies, the same for all targets and pairs, but for the
    properties of `OWN_EDGES`.
    R² compares with the variance inside the bin: in a narrow bin of the target itself it is small, or
    far below 0, however good the predictions are. NMAD does not depend on that variance.
    """
    parts = []
    for name, value in values.items():
        known = np.isfinite(value)
        galaxies = predictions["targetid"]
        n, n_known = galaxies.nunique(), galaxies[known].nunique()
        logger.info("%s: known of %s of %s test galaxies.", name, f"{n_known:,}", f"{n:,}")
        if not n_known:
            logger.warning("No test galaxy has the property `%s` of zeroshot_detail.bins.by: left out.", name)
            continue
        rows = predictions[known].assign(value=value[known])
        own = OWN_EDGES.get(name)
        for _, scope in rows.groupby(own, sort=False, observed=True) if own else [((), rows)]:
            parts += _bins_of(name, scope, scoring, bins, min_galaxies)
    if not parts:
        raise DataError(
            f"No test galaxy has any of the properties {', '.join(values)} of `zeroshot_detail.bins.by`. "
            "Name columns of crossmatch/properties.parquet there."
        )
    return pd.DataFrame(parts, columns=list(tables.BIN_COLUMNS))


def _bins_of(name: str, rows: pd.DataFrame, scoring: Scoring, bins: int, min_galaxies: int) -> list[tuple]:
    """Rows of the table, of galaxies that share the edges of the bins."""
    galaxies = rows.drop_duplicates("targetid")["value"].to_numpy()
    edges = np.unique(np.quantile(galaxies, np.linspace(0, 1, bins + 1)))
    if len(edges) < bins + 1:
        logger.warning("%s: many galaxies share one value; %d bins.", name, max(len(edges) - 1, 1))
    inner = edges[1:-1]
    place = np.digitize(galaxies, inner)
    rows = rows.assign(bin=np.digitize(rows["value"], inner))
    found, small, unknown = [], 0, dict.fromkeys(scoring.metrics, (np.nan, np.nan, np.nan))
    for key, part in rows.groupby(["reference", "query", "target"], sort=False, observed=True):
        for i in range(len(inner) + 1):
            own = part[part["bin"] == i]
            small += len(own) < min_galaxies
            summary = unknown if len(own) < min_galaxies else scoring.score(own)
            bounds = edges[i], edges[min(i + 1, len(edges) - 1)], np.median(galaxies[place == i])
            head = (name, i, *bounds, scoring.protocol, *key)
            found += [(*head, metric, *summary[metric], len(own)) for metric in scoring.metrics]
    if small:
        logger.warning(
            "%s: %d of %d bins hold fewer than %d galaxies: without a score.",
            *(name, small, len(found) // len(scoring.metrics), min_galaxies),
        )
    return found
