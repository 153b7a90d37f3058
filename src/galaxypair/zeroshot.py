"""Predict properties of galaxies from their neighbours in the embedding space, training nothing.

Protocol `train_to_test`: the references are the train split, the queries the test split, for each
of the four pairs of modalities. A query's property is the mean over its k nearest references that
have the property, weighted by inverse distance between unit embeddings.
"""

import difflib
import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from galaxypair import metrics, tables
from galaxypair.errors import ConfigError, DataError
from galaxypair.io import Embeddings

logger = logging.getLogger(__name__)

PROTOCOL = "train_to_test"
REDSHIFTS = ("z", "z_hp")  # errors of these are relative to 1 + z
PREDICTION_COLUMNS = ("targetid", "reference", "query", "target", "y_true", "y_pred")


def predict(references: np.ndarray, labels: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Average the labels of each query's k nearest references, weighted by inverse distance.

    Parameters
    ----------
    references : ndarray of shape (n, d)
        Unit embeddings.
    labels : ndarray of shape (n, t)
        Finite, one column per property.
    queries : ndarray of shape (m, d)
        Unit embeddings.
    k : int
        Neighbours, at most n.

    Returns
    -------
    ndarray of shape (m, t), float64
        A query that coincides with references gets the mean of those alone.
    """
    from sklearn.neighbors import KNeighborsRegressor

    # brute force: exact, and its working memory is bounded whatever n and m
    regressor = KNeighborsRegressor(n_neighbors=k, weights="distance", algorithm="brute")
    return regressor.fit(references, labels).predict(queries).reshape(len(queries), labels.shape[1])


def choose_targets(properties: pd.DataFrame, wanted: Sequence[str] | None) -> list[str]:
    """Names of the properties to predict.

    Parameters
    ----------
    properties : pandas.DataFrame
    wanted : sequence of str, optional
        Columns of `properties`, `log_` names of such columns, `log_ssfr` or `ln_avg_sfr_over_z_mw`.
        None: those of `tables.TARGETS` that some galaxy has.

    Returns
    -------
    list of str

    Raises
    ------
    ConfigError
        If a wanted property cannot be had.
    """
    if wanted is None:
        return [t for t in tables.TARGETS if np.isfinite(target_values(properties, t)).any()]
    for name in wanted:
        if not np.isfinite(target_values(properties, name)).any():
            known = [c for c in properties.columns if np.isfinite(target_values(properties, c)).any()]
            near = difflib.get_close_matches(name, [*known, *tables.TARGETS], n=1)
            hint = f"Did you mean `{near[0]}`? " if near else ""
            raise ConfigError(
                f"`zeroshot.targets` names `{name}`, of which no galaxy in crossmatch/properties.parquet "
                f"has a value. {hint}It has values of: {', '.join(known)}; `log_` before a name takes "
                "the logarithm."
            )
    return list(dict.fromkeys(wanted))


def target_values(properties: pd.DataFrame, target: str) -> np.ndarray:
    """Values of one property, derived if it is no column itself.

    Parameters
    ----------
    properties : pandas.DataFrame
    target : str

    Returns
    -------
    ndarray of shape (n,), float64
        NaN where it is unknown, or the logarithm undefined; NaN throughout if it cannot be had.

    Notes
    -----
    `log_ssfr` is log10(avg_sfr) - log_mstar [log10 yr^-1], `g_r` the colour mag_g - mag_r [mag]. The
    published AstroCLIP code divides by metallicity where it says sSFR: to compare with its tables there
    is `ln_avg_sfr_over_z_mw`, which means nothing else. Its `Z_MW` is the natural logarithm, `log_z_mw`
    that to base 10 (R2 is the same).
    """
    if target == "ln_avg_sfr_over_z_mw" and target not in properties:
        ratio = target_values(properties, "log_avg_sfr") - target_values(properties, "log_z_mw")
        return np.log(10) * ratio
    if target == "g_r" and target not in properties:
        return target_values(properties, "mag_g") - target_values(properties, "mag_r")
    if target == "log_ssfr" and target not in properties:
        return target_values(properties, "log_avg_sfr") - target_values(properties, "log_mstar")
    name = target if target in properties else target.removeprefix("log_")
    if name not in properties or properties[name].dtype.kind not in "fiu":
        return np.full(len(properties), np.nan)
    values = properties[name].to_numpy(np.float64)
    if name == target:
        return np.where(np.isfinite(values), values, np.nan)
    positive = np.isfinite(values) & (values > 0)
    return np.log10(values, out=np.full(len(values), np.nan), where=positive)


def evaluate(
    train: Embeddings,
    test: Embeddings,
    properties: pd.DataFrame,
    *,
    targets: Sequence[str] | None,
    k: int,
    bootstrap: int,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the test galaxies from the train galaxies and measure how well it went.

    Parameters
    ----------
    train, test : Embeddings
        References and queries. A reference that is also a query is dropped.
    properties : pandas.DataFrame
        `targetid` and the properties.
    targets : sequence of str or None
        See `choose_targets`.
    k : int
    bootstrap : int
    rng : numpy.random.Generator

    Returns
    -------
    scores : pandas.DataFrame
        `tables.METRIC_COLUMNS`; n counts the queries that have embedding and property.
    predictions : pandas.DataFrame
        targetid, reference, query, target, y_true, y_pred.

    Raises
    ------
    ConfigError
        If a target cannot be had.
    DataError
        If no target has k labelled references and one labelled query.
    """
    names = choose_targets(properties, targets)
    alone = ~np.isin(train.targetid, test.targetid)
    if not alone.all():
        logger.warning("%d galaxies of the train split are also in the test split: dropped.", (~alone).sum())
    train_labels = _labels(properties, train.targetid, names)
    test_labels = _labels(properties, test.targetid, names)
    parts = []
    for reference in tables.MODALITIES:
        known = train.unit[reference]
        labels = np.where((alone & _finite(known))[:, None], train_labels, np.nan)
        for query in tables.MODALITIES:
            truth = np.where(_finite(test.unit[query])[:, None], test_labels, np.nan)
            predicted = _predict_labelled(known, labels, test.unit[query], truth, k)
            parts += [
                _table(test.targetid, (reference, query, name), truth[:, i], predicted[:, i])
                for i, name in enumerate(names)
            ]
    parts = [part for part in parts if len(part)]
    if not parts:
        raise DataError(
            f"No property ({', '.join(names) or 'none has values'}) is known for {k} galaxies of the train "
            "split and one of the test split. Use a larger survey or a smaller `zeroshot.k`."
        )
    predictions = pd.concat(parts, ignore_index=True)
    for column in ("reference", "query", "target"):
        predictions[column] = predictions[column].astype("category")
    return _scores(predictions, bootstrap, rng), predictions


def _finite(vectors: np.ndarray) -> np.ndarray:
    return np.isfinite(vectors).all(axis=1)


def _labels(properties: pd.DataFrame, targetid: np.ndarray, names: list[str]) -> np.ndarray:
    rows = pd.Index(properties["targetid"]).get_indexer(targetid)
    if (rows < 0).any():
        logger.warning("%d galaxies have an embedding but no row of properties.", (rows < 0).sum())
    columns = [np.where(rows < 0, np.nan, target_values(properties, name)[rows]) for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((len(targetid), 0))


def _predict_labelled(
    references: np.ndarray, labels: np.ndarray, queries: np.ndarray, truth: np.ndarray, k: int
) -> np.ndarray:
    """Predict where there is a truth; properties that the same references have share one search."""
    predicted = np.full(truth.shape, np.nan)
    labelled = np.isfinite(labels)
    patterns, group = np.unique(labelled, axis=1, return_inverse=True)
    for i, use in enumerate(patterns.T):
        columns = np.flatnonzero(group.reshape(-1) == i)
        ask = np.isfinite(truth[:, columns]).any(axis=1)
        if use.sum() >= k and ask.any():
            values = predict(references[use], labels[np.ix_(use, columns)], queries[ask], k)
            predicted[np.ix_(ask, columns)] = values
    return predicted


def _table(
    targetid: np.ndarray, key: tuple[str, str, str], truth: np.ndarray, predicted: np.ndarray
) -> pd.DataFrame:
    use = np.isfinite(truth) & np.isfinite(predicted)
    if not use.any():
        logger.warning("%s references, %s queries: too few galaxies have %s; left out.", *key)
    values = (targetid[use], *key, truth[use], predicted[use])
    return pd.DataFrame(dict(zip(PREDICTION_COLUMNS, values, strict=True)))


def _scores(predictions: pd.DataFrame, bootstrap: int, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    groups = predictions.groupby(["reference", "query", "target"], sort=False, observed=True)
    for (reference, query, target), part in groups:
        summary = metrics.summarise(
            part["y_true"].to_numpy(),
            part["y_pred"].to_numpy(),
            relative=target in REDSHIFTS,
            bootstrap=bootstrap,
            rng=rng,
        )
        key = (PROTOCOL, reference, query, target)
        rows += [(*key, name, *values, len(part)) for name, values in summary.items()]
        logger.info(
            "%s references, %s queries: R2 of %s = %.3f (%.3f ... %.3f), n = %s",
            reference,
            query,
            target,
            *summary["r2"],
            f"{len(part):,}",
        )
    return pd.DataFrame(rows, columns=list(tables.METRIC_COLUMNS))
