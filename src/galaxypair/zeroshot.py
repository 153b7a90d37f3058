"""Predict properties of galaxies from their neighbours in the embedding space, training nothing.

A query's property is the mean over its k nearest references that have the property. Which galaxies
are references and queries, and how the neighbours vote, a `Protocol` says; the pipeline's own is
`train_to_test`: from the train split to the test split, by unit embeddings and inverse distance.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from galaxypair import knn, metrics, tables
from galaxypair.apart import check_apart
from galaxypair.errors import TooFewError
from galaxypair.io import Embeddings
from galaxypair.properties import REDSHIFTS, choose_targets, label_matrix
from galaxypair.protocols import PAIRS, Protocol, comparable, pools
from galaxypair.spaces import space_vectors

logger = logging.getLogger(__name__)

PREDICTION_COLUMNS = ("targetid", "reference", "query", "target", "y_true", "y_pred")
LEAST_RESIDUAL = 1e-12  # of 1 - R2, whose logarithm is averaged


@dataclass(frozen=True)
class Result:
    """What a protocol gives.

    Attributes
    ----------
    scores : pandas.DataFrame
        `tables.METRIC_COLUMNS`; n counts the queries that have embedding and property.
    predictions : pandas.DataFrame
        targetid, reference, query, target, y_true, y_pred.
    k : int
        Neighbours used.
    validation : dict of int to float
        Of several candidates for k: 1 - R2 of the validation split, see `choose_k`.
    n_references, n_queries : int
        Galaxies of either side, with or without labels.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    k: int
    validation: dict[int, float]
    n_references: int
    n_queries: int


def predict(
    references: np.ndarray, labels: np.ndarray, queries: np.ndarray, k: int, weights: str = "distance"
) -> np.ndarray:
    """Average the labels of each query's k nearest references.

    Parameters
    ----------
    references : ndarray of shape (n, d)
    labels : ndarray of shape (n, t)
        Finite, one column per property.
    queries : ndarray of shape (m, d)
    k : int
        Neighbours, at most n.
    weights : {"distance", "uniform"}
        By inverse Euclidean distance, or all alike.

    Returns
    -------
    ndarray of shape (m, t), float64
        By distance, a query that coincides with references gets the mean of those alone.
    """
    return knn.average(*knn.nearest(references, queries, k), labels, weights)


def evaluate(
    splits: dict[str, Embeddings],
    properties: pd.DataFrame,
    *,
    protocol: Protocol,
    targets: Sequence[str] | None,
    bootstrap: int,
    rng: np.random.Generator,
) -> Result:
    """Predict the queries of a protocol from its references and measure how well it went.

    Parameters
    ----------
    splits : dict of str to Embeddings
        train, test; and val if the protocol leaves a choice of k.
    properties : pandas.DataFrame
        `targetid`, `matched` and the properties.
    protocol : Protocol
    targets : sequence of str or None
        See `choose_targets`.
    bootstrap : int
    rng : numpy.random.Generator

    Returns
    -------
    Result

    Raises
    ------
    ConfigError
        If a target cannot be had.
    DataError
        If a galaxy is on both sides, see `protocols.pools`.
    TooFewError
        If no target has k labelled references and one labelled query.
    """
    names = choose_targets(properties, targets)
    references, queries = pools(protocol, splits["train"], splits["test"], properties)
    validation = choose_k(splits, properties, names, protocol) if len(protocol.ks) > 1 else {}
    k = min(validation, key=validation.__getitem__, default=protocol.ks[0])
    parts = [
        _table(targetid, (*pair, name), truth[:, i], predicted[0, :, i])
        for pair, targetid, truth, predicted in predict_pairs(
            references, queries, properties, names, ks=(k,), weights=protocol.weights
        )
        for i, name in enumerate(names)
    ]
    parts = [part for part in parts if len(part)]
    if not parts:
        raise TooFewError(
            f"Protocol `{protocol.name}`: no property ({', '.join(names) or 'none has values'}) is known for "
            f"{k} references and one query. Use a larger survey or a smaller k."
        )
    predictions = pd.concat(parts, ignore_index=True)
    for column in ("reference", "query", "target"):
        predictions[column] = predictions[column].astype("category")
    scores = _scores(predictions, protocol.name, bootstrap, rng)
    return Result(scores, predictions, k, validation, len(references.targetid), len(queries.targetid))


def describe(protocol: Protocol, result: Result) -> dict:
    """Tell how a protocol was carried out, for `metrics/zeroshot.json` and `metrics/protocols.json`.

    Parameters
    ----------
    protocol : Protocol
    result : Result

    Returns
    -------
    dict
        `k`, `validation` (1 - R2 by candidate), `references` and `queries` (galaxies), and the
        protocol's `settings`.
    """
    return {
        "k": result.k,
        "validation": {str(k): round(v, 6) for k, v in result.validation.items()},
        "references": result.n_references,
        "queries": result.n_queries,
        "settings": asdict(protocol),
    }


def choose_k(
    splits: dict[str, Embeddings], properties: pd.DataFrame, names: Sequence[str], protocol: Protocol
) -> dict[int, float]:
    """Measure how well each candidate for k predicts the validation split from the train split.

    Parameters
    ----------
    splits : dict of str to Embeddings
        train, val, test.
    properties : pandas.DataFrame
    names : sequence of str
        Properties.
    protocol : Protocol

    Returns
    -------
    dict of int to float
        k -> geometric mean of 1 - R2 over properties and pairs of modalities: a pair that is hardly
        predictable weighs no more than one predicted well. Without candidates that exceed the
        references of a property; empty if no validation galaxy has one.

    Raises
    ------
    DataError
        If validation galaxies are in another split.
    """
    for split in ("train", "test"):
        check_apart(splits[split], splits["val"], f"the {split} and the validation split")
    references, queries = comparable(protocol, splits["train"], splits["val"])
    residuals = []
    how = {"ks": protocol.ks, "weights": protocol.weights}
    for _, _, truth, predicted in predict_pairs(references, queries, properties, names, **how):
        for i in range(len(names)):
            use = np.isfinite(truth[:, i])
            variance = np.var(truth[use, i]) if use.any() else 0
            residual = np.mean((predicted[:, use, i] - truth[use, i]) ** 2, axis=1) if variance > 0 else []
            if np.isfinite(residual).any():
                residuals.append(residual / variance)
    if not residuals:
        logger.warning("No validation galaxy to choose k by: %d, the first, is used.", protocol.ks[0])
        return {}
    mean = np.exp(np.log(np.maximum(residuals, LEAST_RESIDUAL)).mean(axis=0))
    logger.info("1 - R2 by k: %s", ", ".join(f"{k} {v:.4g}" for k, v in zip(protocol.ks, mean, strict=True)))
    return {k: float(v) for k, v in zip(protocol.ks, mean, strict=True) if np.isfinite(v)}


def predict_pairs(
    references: Embeddings,
    queries: Embeddings,
    properties: pd.DataFrame,
    names: Sequence[str],
    *,
    ks: Sequence[int],
    weights: str,
) -> Iterator[tuple[tuple[str, str], np.ndarray, np.ndarray, np.ndarray]]:
    """Predict galaxies by each pair of spaces that there is, without scoring.

    Parameters
    ----------
    references, queries : Embeddings
    properties : pandas.DataFrame
    names : sequence of str
        Properties, t in number.
    ks : sequence of int
        Numbers of neighbours.
    weights : {"distance", "uniform"}

    Yields
    ------
    pair : (reference, query)
    targetid : ndarray of shape (m,), int64
        Queries that have the space.
    truth : ndarray of shape (m, t), float64
        NaN where it is unknown.
    predicted : ndarray of shape (len(ks), m, t), float64
        NaN without truth or with fewer than k labelled references.
    """
    for side in (references, queries):
        _tell_unknown(properties, side.targetid)
    for pair in PAIRS:
        known_id, vectors = space_vectors(references, pair[0])
        asked_id, query_vectors = space_vectors(queries, pair[1])
        if not (len(known_id) and len(asked_id)):
            logger.info("%s references, %s queries: there are none.", *pair)
            continue
        labels, truth = (label_matrix(properties, targetid, names) for targetid in (known_id, asked_id))
        yield (
            pair,
            asked_id,
            truth,
            _predict_labelled(vectors, labels, query_vectors, truth, ks=ks, weights=weights),
        )


def _tell_unknown(properties: pd.DataFrame, targetid: np.ndarray) -> None:
    unknown = ~np.isin(targetid, properties["targetid"])
    if unknown.any():
        logger.warning("%d galaxies have an embedding but no row of properties.", unknown.sum())


def _predict_labelled(
    references: np.ndarray,
    labels: np.ndarray,
    queries: np.ndarray,
    truth: np.ndarray,
    *,
    ks: Sequence[int],
    weights: str,
) -> np.ndarray:
    """Predict where there is a truth; properties that the same references have share one search."""
    predicted = np.full((len(ks), *truth.shape), np.nan)
    patterns, group = np.unique(np.isfinite(labels), axis=1, return_inverse=True)
    for i, use in enumerate(patterns.T):
        columns = np.flatnonzero(group.reshape(-1) == i)
        ask = np.isfinite(truth[:, columns]).any(axis=1)
        possible = [k for k in ks if k <= use.sum()]
        if possible and ask.any():
            distance, row = knn.nearest(references[use], queries[ask], max(possible))
            own = labels[np.ix_(use, columns)]
            for j, k in enumerate(possible):
                predicted[np.ix_([j], ask, columns)] = knn.average(distance[:, :k], row[:, :k], own, weights)
    return predicted


def _table(
    targetid: np.ndarray, key: tuple[str, str, str], truth: np.ndarray, predicted: np.ndarray
) -> pd.DataFrame:
    use = np.isfinite(truth) & np.isfinite(predicted)
    if not use.any():
        logger.warning("%s references, %s queries: too few galaxies have %s; left out.", *key)
    values = (targetid[use], *key, truth[use], predicted[use])
    return pd.DataFrame(dict(zip(PREDICTION_COLUMNS, values, strict=True)))


def _scores(
    predictions: pd.DataFrame, protocol: str, bootstrap: int, rng: np.random.Generator
) -> pd.DataFrame:
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
        key = (protocol, reference, query, target)
        rows += [(*key, name, *values, len(part)) for name, values in summary.items()]
        logger.info(
            "%s: %s references, %s queries: R2 of %s = %.3f (%.3f ... %.3f), n = %s",
            protocol,
            reference,
            query,
            target,
            *summary["r2"],
            f"{len(part):,}",
        )
    return pd.DataFrame(rows, columns=list(tables.METRIC_COLUMNS))
