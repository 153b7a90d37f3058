"""How zero-shot scores grow with the number of labelled galaxies."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from galaxypair import metrics, tables
from galaxypair.apart import check_apart
from galaxypair.errors import DataError
from galaxypair.io import Embeddings
from galaxypair.properties import choose_targets, label_matrix
from galaxypair.protocols import OWN
from galaxypair.spaces import space_vectors
from galaxypair.zeroshot import predict_pairs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Draw:
    """Predictions by one random part of the references, for one pair and target.

    Attributes
    ----------
    references : int
        Galaxies drawn.
    labelled : int
        Those among them that have the reference's modality and the target.
    k : int
        Neighbours.
    truth, predicted : ndarray of shape (n,)
    """

    references: int
    labelled: int
    k: int
    truth: np.ndarray
    predicted: np.ndarray


def counts(fewest: int, n: int, steps: int) -> list[int]:
    """Numbers of references, evenly spaced on a logarithmic scale.

    Parameters
    ----------
    fewest : int
    n : int
        All that there are, the last number.
    steps : int

    Returns
    -------
    list of int
        Rising; n alone if it is not above `fewest`.
    """
    if n <= fewest or steps == 1:
        return [n]
    return sorted({round(count) for count in np.geomspace(fewest, n, steps)})


def neighbours(k: int, n: int) -> int:
    """Neighbours that vote among n references.

    Parameters
    ----------
    k : int
        Of the full train split.
    n : int

    Returns
    -------
    int
        At most the square root of n, or a vote of few references would reach far beyond what is near.
    """
    return max(1, min(k, math.isqrt(n)))


def evaluate(
    train: Embeddings,
    test: Embeddings,
    properties: pd.DataFrame,
    *,
    targets: Sequence[str] | None,
    k: int,
    fewest: int,
    steps: int,
    draws: int,
    bootstrap: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Predict the test split from random parts of the train split.

    Parameters
    ----------
    train, test : Embeddings
        References and queries.
    properties : pandas.DataFrame
    targets : sequence of str or None
        See `properties.choose_targets`.
    k : int
        Neighbours, see `neighbours`.
    fewest, steps : int
        See `counts`.
    draws : int
        Random parts of each size.
    bootstrap : int
        Resamplings of the test galaxies.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.LEARNING_COLUMNS`.

    Raises
    ------
    DataError
        If a galaxy is in both splits, or no property is known for enough galaxies of both.

    Notes
    -----
    The mean over the draws is that of ln(1 - R2), of which `metrics.summarise` takes the interval too.
    A target or modality that only some galaxies have has fewer labelled references than are drawn: the
    table tells both. The draws of the largest parts share most galaxies, so that their scatter is too
    small; of the whole split there is one.
    """
    check_apart(train, test, "references and queries")
    names = choose_targets(properties, targets)
    n = len(train.targetid)
    found: dict[tuple, list[Draw]] = {}  # by reference, query, target
    for count in counts(fewest, n, steps):
        for _ in range(draws if count < n else 1):
            part = _rows(train, np.sort(rng.choice(n, count, replace=False)))
            for key, draw in _draw(part, test, properties, names, neighbours(k, count)):
                found.setdefault(key, []).append(draw)
        logger.info("%s of %s references.", f"{count:,}", f"{n:,}")
    rows = [row for key, own in found.items() for row in _rows_of(key, own, bootstrap, rng)]
    if not rows:
        raise DataError(
            f"No property ({', '.join(names) or 'none has values'}) is known for enough galaxies of the "
            "train split and two of the test split. Use a larger survey."
        )
    return pd.DataFrame(rows, columns=list(tables.LEARNING_COLUMNS))


def _draw(
    part: Embeddings, test: Embeddings, properties: pd.DataFrame, names: Sequence[str], k: int
) -> Iterator[tuple[tuple[str, str, str], Draw]]:
    how = {"ks": (k,), "weights": "distance"}
    for pair, _, truth, predicted in predict_pairs(part, test, properties, names, **how):
        known_id, _ = space_vectors(part, pair[0])
        labelled = np.isfinite(label_matrix(properties, known_id, names)).sum(axis=0)
        for i, name in enumerate(names):
            use = np.isfinite(truth[:, i])
            if use.sum() > 1 and labelled[i] >= k:
                values = truth[use, i], predicted[0, use, i]
                yield (*pair, name), Draw(len(part.targetid), int(labelled[i]), k, *values)


def _rows_of(
    key: tuple[str, str, str], draws: Sequence[Draw], bootstrap: int, rng: np.random.Generator
) -> Iterator[tuple]:
    """Rows of the table, of one pair and target: all draws predict the same galaxies."""
    truth = draws[0].truth - draws[0].truth.mean()
    by_size: dict[int, list[Draw]] = {}
    for draw in draws:
        by_size.setdefault(draw.references, []).append(draw)
    squared = {
        size: np.stack([(draw.predicted - draw.truth) ** 2 for draw in own], axis=1)
        for size, own in by_size.items()
    }

    def measure(rows: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        n = len(truth)  # resamplings as how often each galaxy was drawn: sums are then matrix products
        places = rows + n * np.arange(len(rows))[:, None]
        times = np.bincount(places.ravel(), minlength=rows.size).reshape(rows.shape).astype(np.float64)
        return {size: _log_residual(times, truth, own) for size, own in squared.items()}

    # the same resamplings for all sizes
    summary = metrics.with_interval(measure, np.arange(len(truth)), bootstrap=bootstrap, rng=rng)
    for size, own in by_size.items():
        each = 1 - squared[size].mean(axis=0) / np.mean(truth**2)
        spread = each.std(ddof=1) if len(own) > 1 else np.nan
        labelled = np.mean([draw.labelled for draw in own])
        value, low, high = summary[size]
        head = (size, labelled, own[0].k, len(own), spread, OWN, *key, "r2")
        yield (*head, *(1 - np.exp(v) for v in (value, high, low)), len(truth))


def _log_residual(times: np.ndarray, truth: np.ndarray, squared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of ln(1 - R2) over d draws and its standard error, as `metrics.summarise` has it of one.

    Parameters
    ----------
    times : ndarray of shape (b, n)
        How often each resampling holds each galaxy.
    truth : ndarray of shape (n,)
        Of mean 0.
    squared : ndarray of shape (n, d)
        Squared errors.
    """
    n = len(truth)
    terms = np.column_stack([squared, truth**2])  # (n, d + 1)
    products = (terms[:, :, None] * terms[:, None, :]).reshape(n, -1)
    mean, second = times @ terms / n, (times @ products / n).reshape(len(times), *2 * terms.shape[1:])
    variance = mean[:, -1:] - (times @ truth / n)[:, None] ** 2
    variance[variance <= 0] = np.nan
    residual = np.maximum(mean[:, :-1], metrics.LEAST_RESIDUAL)
    # influence of a galaxy: the mean over the draws of error² / residual, less deviation² / variance
    weight = np.column_stack([1 / (residual * squared.shape[1]), -1 / variance])
    first = np.einsum("bi,bi->b", weight, mean)
    influence = np.einsum("bi,bij,bj->b", weight, second, weight) - first**2
    value = np.log(residual / variance).mean(axis=1)
    return value, np.sqrt(np.maximum(influence, 0) / n)


def _rows(embeddings: Embeddings, rows: np.ndarray) -> Embeddings:
    raw, unit = ({m: v[rows] for m, v in part.items()} for part in (embeddings.raw, embeddings.unit))
    return Embeddings(embeddings.targetid[rows], raw, unit)
