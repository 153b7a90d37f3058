"""Where zero-shot predictions are good: scores of the test galaxies in bins of a property."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from galaxypair import metrics, tables
from galaxypair.errors import DataError
from galaxypair.io import Embeddings
from galaxypair.knn import nearest
from galaxypair.zeroshot import PROTOCOL, REDSHIFTS, target_values

logger = logging.getLogger(__name__)

DISTANCE = "reference_distance"
METRICS = ("r2", "nmad", "bias", "outlier_fraction")


def reference_distance(train: Embeddings, test: Embeddings, k: int) -> pd.DataFrame:
    """Measure how sparse the references are around each test galaxy.

    Parameters
    ----------
    train, test : Embeddings
        References and queries. A reference that is also a query is left out.
    k : int

    Returns
    -------
    pandas.DataFrame
        targetid, reference, query, reference_distance: Euclidean distance of unit embeddings to the k-th
        nearest reference (to the farthest, if there are fewer). Absent without vectors of both.
    """
    alone = ~np.isin(train.targetid, test.targetid)
    parts = []
    for reference in tables.MODALITIES:
        known = train.unit[reference][alone & np.isfinite(train.unit[reference]).all(axis=1)]
        for query in tables.MODALITIES:
            asked = np.isfinite(test.unit[query]).all(axis=1)
            if not (len(known) and asked.any()):
                continue
            distance, _ = nearest(known, test.unit[query][asked], min(k, len(known)))
            key = {"reference": reference, "query": query, DISTANCE: distance[:, -1]}
            parts.append(pd.DataFrame({"targetid": test.targetid[asked], **key}))
    columns = ["targetid", "reference", "query", DISTANCE]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def property_values(
    predictions: pd.DataFrame, name: str, properties: pd.DataFrame, others: Sequence[pd.DataFrame]
) -> np.ndarray:
    """Look up a property for each row of the predictions.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `metrics/zeroshot_predictions.parquet`.
    name : str
        A column of `others`, or what `zeroshot.target_values` gives of `properties`.
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


def evaluate(
    predictions: pd.DataFrame,
    values: dict[str, np.ndarray],
    *,
    bins: int,
    min_galaxies: int,
    bootstrap: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Score the predictions in bins of equally many test galaxies.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `metrics/zeroshot_predictions.parquet`.
    values : dict of str to ndarray of shape (n,)
        Property of each row of the predictions, NaN where unknown, see `property_values`.
    bins : int
    min_galaxies : int
        A bin with fewer has no score, but stands in the table with its number.
    bootstrap : int
    rng : numpy.random.Generator

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
    The edges are quantiles over the test galaxies, the same for all targets and pairs; of
    `reference_distance`, which each pair has its own of, the same for all targets.
    R² compares with the variance inside the bin: in a narrow bin of the target itself it is small, or
    far below 0, however good the predictions are. NMAD does not depend on that variance.
    """
    score = partial(metrics.summarise, bootstrap=bootstrap, rng=rng)
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
        scopes = rows.groupby(["reference", "query"], observed=True) if name == DISTANCE else [((), rows)]
        for _, scope in scopes:
            parts += _bins_of(name, scope, bins, min_galaxies, score)
    if not parts:
        raise DataError(
            f"No test galaxy has any of the properties {', '.join(values)} of `zeroshot_detail.bins.by`. "
            "Name columns of crossmatch/properties.parquet there."
        )
    return pd.DataFrame(parts, columns=list(tables.BIN_COLUMNS))


def _bins_of(
    name: str, rows: pd.DataFrame, bins: int, min_galaxies: int, score: Callable[..., metrics.Summary]
) -> list[tuple]:
    """Rows of the table, of galaxies that share the edges of the bins."""
    galaxies = rows.drop_duplicates("targetid")["value"].to_numpy()
    edges = np.unique(np.quantile(galaxies, np.linspace(0, 1, bins + 1)))
    if len(edges) < bins + 1:
        logger.warning("%s: many galaxies share one value; %d bins.", name, max(len(edges) - 1, 1))
    inner = edges[1:-1]
    place = np.digitize(galaxies, inner)
    rows = rows.assign(bin=np.digitize(rows["value"], inner))
    found = []
    for (reference, query, target), part in rows.groupby(
        ["reference", "query", "target"], sort=False, observed=True
    ):
        for i in range(len(inner) + 1):
            own = part[part["bin"] == i]
            summary = dict.fromkeys(METRICS, (np.nan, np.nan, np.nan))
            if len(own) >= min_galaxies:
                truth, predicted = own["y_true"].to_numpy(), own["y_pred"].to_numpy()
                summary = score(truth, predicted, relative=target in REDSHIFTS)
            bounds = edges[i], edges[min(i + 1, len(edges) - 1)], np.median(galaxies[place == i])
            key = (name, i, *bounds, PROTOCOL, reference, query, target)
            found += [(*key, metric, *summary[metric], len(own)) for metric in METRICS]
    n_small = sum(row[-1] < min_galaxies for row in found[:: len(METRICS)])
    if n_small:
        logger.warning(
            "%s: %d of %d bins hold fewer than %d galaxies: without a score.",
            *(name, n_small, len(found) // len(METRICS), min_galaxies),
        )
    return found
