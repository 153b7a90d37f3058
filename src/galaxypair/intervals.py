"""Prediction intervals of single galaxies, calibrated by conformal prediction.

The spread of a galaxy's neighbours says how hard it is to predict, but not how wrong the prediction is:
neighbours in an embedding differ from it in ways of their own. Conformal prediction scales that spread
until the wanted share of galaxies with known properties, none of them the galaxy itself, lies inside.
"""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

from galaxypair import knn, tables
from galaxypair.apart import check_splits
from galaxypair.interval_scores import CROSS, KEY, VAL, summarise
from galaxypair.io import Embeddings
from galaxypair.properties import choose_targets, label_matrix
from galaxypair.protocols import PAIRS
from galaxypair.spaces import space_vectors

logger = logging.getLogger(__name__)

TYPICAL_WEIGHT = 4  # neighbours' worth of the typical spread in that of a galaxy


class _Column(RegressorMixin, BaseEstimator):
    """Hands on a column that was computed before, in the place of an estimator that MAPIE asks."""

    def __init__(self, column: int) -> None:
        self.column = column
        self.fitted_ = True

    def fit(self, X: np.ndarray, y: np.ndarray) -> "_Column":
        """Keep nothing."""
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Give the column."""
        return X[:, self.column]


def neighbourhoods(
    references: np.ndarray, labels: np.ndarray, queries: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of the labels of each query's k nearest references that have the label.

    Parameters
    ----------
    references : ndarray of shape (n, d)
    labels : ndarray of shape (n, t)
        NaN where unknown.
    queries : ndarray of shape (m, d)
    k : int

    Returns
    -------
    mean : ndarray of shape (m, t), float64
        Weighted by inverse distance, as `zeroshot.predict` does. NaN of a property that fewer than k
        references have.
    spread : ndarray of shape (m, t), float64
        Standard deviation around it, by the same weights, drawn towards the typical one of all queries
        as if `TYPICAL_WEIGHT` further neighbours had that: k neighbours that agree by chance are no
        proof of a sure prediction.
    """
    mean, spread = np.full((2, len(queries), labels.shape[1]), np.nan)
    patterns, group = np.unique(np.isfinite(labels), axis=1, return_inverse=True)
    for i, use in enumerate(patterns.T):  # properties that the same references have share one search
        columns = np.flatnonzero(group.reshape(-1) == i)
        if use.sum() < k:
            continue
        distance, row = knn.nearest(references[use], queries, k)
        own = labels[np.ix_(use, columns)]
        centre = own.mean(axis=0)  # small numbers round less when squared
        first, second = (
            knn.average(distance, row, power, "distance") for power in (own - centre, (own - centre) ** 2)
        )
        variance = np.maximum(second - first**2, 0)
        typical = np.median(variance, axis=0)
        typical = np.where(typical > 0, typical, variance.mean(axis=0))
        shrunk = (k * variance + TYPICAL_WEIGHT * typical) / (k + TYPICAL_WEIGHT)
        mean[:, columns] = first + centre
        spread[:, columns] = np.sqrt(np.where(typical > 0, shrunk, 1))  # all references share one value
    return mean, spread


def predict(
    train: Embeddings, queries: Sequence[Embeddings], properties: pd.DataFrame, names: Sequence[str], k: int
) -> pd.DataFrame:
    """Predict galaxies of known properties from the train split, with the spread of their neighbours.

    Parameters
    ----------
    train : Embeddings
    queries : sequence of Embeddings
        Splits that are predicted alike.
    properties : pandas.DataFrame
    names : sequence of str
        Properties.
    k : int
        Neighbours.

    Returns
    -------
    pandas.DataFrame
        targetid, part (position in `queries`), reference, query, target, y_true, y_pred, spread.
    """
    parts = []
    for reference, query in PAIRS:
        known_id, known = space_vectors(train, reference)
        asked = [space_vectors(split, query) for split in queries]
        targetid = np.concatenate([ids for ids, _ in asked])
        if not (len(known) and len(targetid)):
            continue
        part = np.repeat(np.arange(len(asked)), [len(ids) for ids, _ in asked])
        labels, truth = (label_matrix(properties, ids, names) for ids in (known_id, targetid))
        mean, spread = neighbourhoods(known, labels, np.concatenate([v for _, v in asked]), k)
        for i, name in enumerate(names):
            use = np.isfinite(truth[:, i]) & np.isfinite(mean[:, i])
            columns = {"targetid": targetid, "part": part, "y_true": truth[:, i], "y_pred": mean[:, i]}
            table = pd.DataFrame({n: v[use] for n, v in columns.items()} | {"spread": spread[use, i]})
            parts.append(table.assign(reference=reference, query=query, target=name))
    empty = pd.DataFrame(columns=["targetid", "part", *KEY, "y_true", "y_pred", "spread"])
    return pd.concat(parts, ignore_index=True) if parts else empty


def conformal(calibration: pd.DataFrame, asked: pd.DataFrame, levels: Sequence[float]) -> np.ndarray:
    """Intervals of galaxies, calibrated on others.

    Parameters
    ----------
    calibration : pandas.DataFrame
        y_true, y_pred, spread, of galaxies that none of those asked is among.
    asked : pandas.DataFrame
        y_pred, spread.
    levels : sequence of float
        Shares of the galaxies that the intervals are to hold.

    Returns
    -------
    ndarray of shape (len(asked), 2, len(levels))
        Lower and upper end: y_pred -+ q spread, where q is the ceil((n + 1) level)-th smallest of the
        |y_true - y_pred| / spread of the n calibration galaxies.

    References
    ----------
    Lei et al. (2018), JASA 113, 1094, section 5.2: the normalised score; `ResidualNormalisedScore` and
    `SplitConformalRegressor` of MAPIE.
    """
    from mapie.conformity_scores import ResidualNormalisedScore
    from mapie.regression import SplitConformalRegressor

    columns = ["y_pred", "spread"]
    regressor = SplitConformalRegressor(
        _Column(0),
        confidence_level=list(levels),
        conformity_score=ResidualNormalisedScore(_Column(1), prefit=True),
        prefit=True,
    )
    regressor.conformalize(calibration[columns].to_numpy(), calibration["y_true"].to_numpy())
    return regressor.predict_interval(asked[columns].to_numpy())[1]


def fewest(levels: Sequence[float]) -> int:
    """Calibration galaxies without which the widest interval has no end.

    Parameters
    ----------
    levels : sequence of float

    Returns
    -------
    int
    """
    return int(1 / (1 - max(levels)) + 1e-9) + 1  # MAPIE wants more than 1 / (1 - level)


def cross_fitted(
    predicted: pd.DataFrame, levels: Sequence[float], folds: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Intervals of the test galaxies, each calibrated without itself.

    Parameters
    ----------
    predicted : pandas.DataFrame
        From `predict`; part 0 is the validation split, part 1 the test split.
    levels : sequence of float
    folds : int
        Parts into which the test galaxies are drawn; those of one are calibrated on the validation
        split and all other parts. Of 1, on the validation split alone.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        targetid, reference, query, target, y_true, y_pred, level, low, high. A pair and target with too
        few calibration galaxies is left out, which is logged.
    """
    ids = np.unique(predicted.loc[predicted["part"] == 1, "targetid"])
    fold_of = pd.Series(rng.permutation(len(ids)) % folds, ids)  # the same for all pairs and targets
    parts = [pd.DataFrame(columns=list(tables.INTERVAL_COLUMNS))]
    for key, rows in predicted.groupby(KEY, sort=False):
        own = []
        val, test = rows[rows["part"] == 0], rows[rows["part"] == 1]
        fold = fold_of.reindex(test["targetid"]).to_numpy()
        for i in range(folds):
            asked = test[fold == i]
            calibration = val if folds == 1 else pd.concat([val, test[fold != i]])
            if len(calibration) < fewest(levels):
                logger.warning(
                    "%s references, %s queries, %s: %d galaxies to calibrate on, fewer than %d; left out.",
                    *(*key, len(calibration), fewest(levels)),
                )
            elif len(asked):
                ends = conformal(calibration, asked, levels)
                known = asked[["targetid", *KEY, "y_true", "y_pred"]]
                own += [
                    known.assign(level=level, low=ends[:, 0, j], high=ends[:, 1, j])
                    for j, level in enumerate(levels)
                ]
        if own:
            parts.append(pd.concat(own).sort_values(["level", "targetid"]))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def evaluate(
    splits: dict[str, Embeddings],
    properties: pd.DataFrame,
    *,
    targets: Sequence[str] | None,
    k: int,
    levels: Sequence[float],
    folds: int,
    bootstrap: int,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give every test galaxy an interval of each property, and measure how well they hold.

    Parameters
    ----------
    splits : dict of str to Embeddings
        train (references), val and test.
    properties : pandas.DataFrame
    targets : sequence of str or None
        See `properties.choose_targets`.
    k : int
        Neighbours.
    levels : sequence of float
    folds : int
        See `cross_fitted`.
    bootstrap : int
    rng : numpy.random.Generator

    Returns
    -------
    intervals : pandas.DataFrame
        `tables.INTERVAL_COLUMNS`, of the test galaxies; empty if there is nothing to calibrate on.
    scores : pandas.DataFrame
        See `interval_scores.summarise`; protocol `conformal_cross` of these intervals and, if the
        validation split is large enough, `conformal_val` of such as are calibrated on it alone.

    Raises
    ------
    DataError
        If a galaxy is in two splits.

    Notes
    -----
    Physical bounds are not imposed: the interval of a low redshift may reach below 0.
    The cross-fitted intervals use each test label for the intervals of other galaxies, so that their
    average coverage is near the nominal one whatever happens; that of `conformal_val`, which has seen no
    test label, tells whether intervals hold on new galaxies, within the scatter of a small validation
    split. Both rest on galaxies of val and test being alike, as they are in a random split.

    References
    ----------
    Tame-Narvaez et al. (2026), arXiv:2606.07771: on the frozen embeddings of a foundation model of galaxies
    conformal intervals hold their level, those of ensembles and of dropout do not.
    """
    check_splits(splits)
    names = choose_targets(properties, targets)
    predicted = predict(splits["train"], (splits["val"], splits["test"]), properties, names, k)
    intervals = cross_fitted(predicted, levels, folds, rng)
    if intervals.empty:
        logger.warning("No property is known for enough galaxies to calibrate on: no intervals.")
    scores = [summarise(intervals, CROSS, bootstrap, rng)]
    if (predicted["part"] == 0).any():
        scores.append(summarise(cross_fitted(predicted, levels, 1, rng), VAL, bootstrap, rng))
    return intervals, pd.concat(scores, ignore_index=True)
