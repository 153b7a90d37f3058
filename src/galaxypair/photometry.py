"""Predict properties of galaxies from their catalogue magnitudes alone: what an embedding has to beat."""

import copy
import logging
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from galaxypair import tables, zeroshot
from galaxypair.properties import choose_targets, target_values
from galaxypair.scaling import Scaling

logger = logging.getLogger(__name__)

BANDS = {"grz": ("mag_g", "mag_r", "mag_z"), "grzw1": ("mag_g", "mag_r", "mag_z", "mag_w1")}
HIDDEN = (64, 64)


def evaluate(
    properties: pd.DataFrame, *, targets: Sequence[str] | None, k: int, settings: dict
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the test galaxies from the magnitudes of the train galaxies, by neighbours and by a network.

    Parameters
    ----------
    properties : pandas.DataFrame
        `crossmatch/properties.parquet`.
    targets : sequence of str or None
        See `properties.choose_targets`; a magnitude that is read is not predicted.
    k : int
        Neighbours, weighted by inverse distance.
    settings : dict
        seed, batch_size, learning_rate and epochs of the network.

    Returns
    -------
    predictions : pandas.DataFrame
        `tables.BASELINE_COLUMNS`; no rows if the catalogue has no magnitudes.
    history : pandas.DataFrame
        `tables.PHOTOMETRY_HISTORY_COLUMNS`.

    Notes
    -----
    The second version of AstroCLIP (published code, `downstream_tasks`) trains the network, (64, 64) units on
    g, r and z; the neighbours are those of our zero-shot protocol, with magnitudes in the place of
    embeddings. Each band is standardised by its own mean and scatter in the train split; their code takes
    one mean and one scatter for all three. One network predicts all properties that the same galaxies have;
    a network of its own may be better at one. `val` chooses the epoch of the network and has no part
    otherwise. The measured magnitudes alone, no errors: a galaxy that lacks one is left out and counted.
    """
    names = choose_targets(properties, targets)
    found, rows = [], []
    for bands, columns in BANDS.items():
        features = magnitudes(properties, columns)
        usable = np.isfinite(features).all(axis=1)
        logger.info(
            "photometry_*_%s: %s of %s galaxies have %s; the others are left out",
            *(bands, f"{usable.sum():,}", f"{len(usable):,}", ", ".join(columns)),
        )
        wanted = [name for name in names if name not in columns] if usable.any() else []
        for group, values, use in _same_galaxies(properties, wanted, usable):
            split = np.where(use, properties["split"], "")
            sets = {s: (features[split == s], values[split == s]) for s in tables.SPLITS}
            ids = properties["targetid"].to_numpy()[split == "test"]
            for name, predicted in _predict(sets, bands, group, k=k, settings=settings, history=rows):
                for i, target in enumerate(group):
                    column = (name, ids, target, sets["test"][1][:, i], predicted[:, i])
                    found.append(pd.DataFrame(dict(zip(tables.BASELINE_COLUMNS, column, strict=True))))
    empty = pd.DataFrame(columns=tables.BASELINE_COLUMNS)
    return (
        pd.concat(found, ignore_index=True) if found else empty,
        pd.DataFrame(rows, columns=tables.PHOTOMETRY_HISTORY_COLUMNS),
    )


def _same_galaxies(
    properties: pd.DataFrame, names: Sequence[str], usable: np.ndarray
) -> Iterator[tuple[list[str], np.ndarray, np.ndarray]]:
    """Properties that the same galaxies have: their names, their values, and who these galaxies are."""
    if not names:
        return
    values = np.stack([target_values(properties, name) for name in names], axis=1)
    known = np.isfinite(values) & usable[:, None]
    patterns, group = np.unique(known, axis=1, return_inverse=True)
    for i, use in enumerate(patterns.T):
        columns = np.flatnonzero(group.reshape(-1) == i)
        yield [names[c] for c in columns], values[:, columns], use


def magnitudes(properties: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Standardise each magnitude by its mean and scatter in the train split.

    Parameters
    ----------
    properties : pandas.DataFrame
    columns : sequence of str
        Magnitudes; what is not positive is none, see `crossmatch.POSITIVE`.

    Returns
    -------
    ndarray of shape (n, n_columns), float64
        NaN where there is none, throughout if the column is missing.
    """
    values = [properties.get(c, pd.Series(np.nan, properties.index)).to_numpy(np.float64) for c in columns]
    found = np.stack(values, axis=1)
    found = np.where(np.isfinite(found) & (found > 0), found, np.nan)
    train = found[(properties["split"] == "train").to_numpy()]
    train = train[np.isfinite(train).all(axis=1)]
    return Scaling.of(train).apply(found) if len(train) else np.full(found.shape, np.nan)


def _predict(
    sets: dict, bands: str, group: list[str], *, k: int, settings: dict, history: list
) -> list[tuple[str, np.ndarray]]:
    """Predictions of both methods for the test galaxies; a method that lacks galaxies is left out."""
    train, val, (test, _) = (sets[split] for split in tables.SPLITS)
    n_train, n_val, n_test = (len(sets[split][1]) for split in tables.SPLITS)
    found = []
    if n_test and n_train >= k:
        found.append((f"photometry_knn_{bands}", zeroshot.predict(*train, test, k)))
    if n_test and n_val and n_train > 1:
        predicted, losses = train_mlp(train, val, test, settings)
        best, name = int(np.argmin(losses)), f"photometry_mlp_{bands}"
        history += [(name, " ".join(group), i + 1, loss, i == best) for i, loss in enumerate(losses)]
        found.append((name, predicted))
    if len(found) < 2:
        logger.warning(
            "%s from %s: %d train, %d val and %d test galaxies are too few for %s; left out.",
            *(", ".join(group), bands, n_train, n_val, n_test, "one method" if found else "both methods"),
        )
    return found


def train_mlp(
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray],
    queries: np.ndarray,
    settings: dict,
) -> tuple[np.ndarray, list[float]]:
    """Train a small network and predict with the weights of the epoch that is best on the val split.

    Parameters
    ----------
    train, val : tuple of ndarray of shape (n, d) and ndarray of shape (n, t)
        Standardised magnitudes and labels, all finite.
    queries : ndarray of shape (n_queries, d)
    settings : dict
        seed, batch_size, learning_rate, epochs.

    Returns
    -------
    predicted : ndarray of shape (n_queries, t)
        In the units of the labels.
    losses : list of float
        Mean square error of the standardised labels of the val split, one for each epoch.
    """
    from sklearn.neural_network import MLPRegressor

    (known, labels), (val_known, val_labels) = train, val
    scaling = Scaling.of(labels)
    wanted, val_wanted = scaling.apply(labels), scaling.apply(val_labels)
    one = wanted.shape[1] == 1  # scikit-learn wants a vector then
    network = MLPRegressor(
        hidden_layer_sizes=HIDDEN,
        alpha=0,  # no penalty, as published
        batch_size=min(settings["batch_size"], len(known)),
        learning_rate_init=settings["learning_rate"],
        random_state=settings["seed"],
    )
    best, losses = None, []
    for _ in range(settings["epochs"]):
        network.partial_fit(known, wanted.ravel() if one else wanted)  # one pass over the train galaxies
        error = network.predict(val_known).reshape(val_wanted.shape) - val_wanted
        losses.append(float(np.mean(error**2)))
        if losses[-1] < min(losses[:-1], default=np.inf):
            # copies: the next pass changes these arrays in place
            best = copy.deepcopy((network.coefs_, network.intercepts_))
    network.coefs_, network.intercepts_ = best
    predicted = network.predict(queries).reshape(len(queries), -1)
    return scaling.undo(predicted), losses
