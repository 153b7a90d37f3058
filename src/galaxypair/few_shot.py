"""Predict properties with a small network on frozen embeddings, from few labels and from all.

Protocol `few_shot_mlp`: an MLP is trained on labelled galaxies of the train split, the val split chooses
the epoch, the test split is measured. Several draws of labelled galaxies and weights are trained.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from torch import Tensor, nn

from galaxypair import metrics, small_networks, tables
from galaxypair.io import Embeddings
from galaxypair.labelled import Labelled, labelled_splits
from galaxypair.properties import REDSHIFTS, choose_targets
from galaxypair.runtime import Progress
from galaxypair.scaling import Scaling
from galaxypair.small_networks import MlpBank, tensor

logger = logging.getLogger(__name__)

PROTOCOL = "few_shot_mlp"


def evaluate(
    embeddings: Mapping[str, Embeddings],
    properties: pd.DataFrame,
    *,
    targets: Sequence[str] | None,
    settings: dict,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train on growing numbers of labels, in each space and for each property, and measure.

    Parameters
    ----------
    embeddings : mapping of {"train", "val", "test"} to Embeddings
    properties : pandas.DataFrame
        `targetid` and the properties.
    targets : sequence of str or None
        See `properties.choose_targets`.
    settings : dict
        Section `few_shot` of the config.

    Returns
    -------
    scores : pandas.DataFrame
        `tables.FEW_SHOT_COLUMNS`.
    predictions : pandas.DataFrame
        `tables.FEW_SHOT_PREDICTION_COLUMNS`.

    Raises
    ------
    ConfigError
        If a target cannot be had.
    DataError
        If no target has labels enough.

    Notes
    -----
    Follows the few-shot evaluation of AstroCLIP's second version (its network, loss and optimiser), but for
    three things. The best epoch is one of the validation split, and is kept as a copy (there the last epoch
    was evaluated, see `small_networks.fit`). Few labels are gone through more often, for `min_steps` steps:
    ten epochs of a hundred labels are twenty. And no more val galaxies choose the epoch than train
    galaxies are labelled, so that few labels are few.
    """
    names = choose_targets(properties, targets)
    rng = np.random.default_rng(settings["seed"])  # of the bootstrap
    scores, parts = [], []
    progress = Progress(len(names) * len(tables.SPACES) * (len(settings["label_counts"]) + 1), "trainings")
    for space, target, splits in labelled_splits(embeddings, properties, names):
        hidden = settings["hidden_image_z" if (space, target) == ("image", "z") else "hidden"]
        for n_labels in label_counts(settings["label_counts"], len(splits["train"].y)):
            n_val = min(n_labels, len(splits["val"].y))
            predicted = train_and_predict(splits, hidden, n_labels, n_val, settings)
            part = _table(splits["test"], space, target, n_labels, predicted)
            parts.append(part)
            scores += _scores(part, n_val, settings["bootstrap"], rng)
            progress.update(1)
    progress.close()
    predictions = pd.concat(parts, ignore_index=True)
    for column in ("space", "target"):
        predictions[column] = predictions[column].astype("category")
    return pd.DataFrame(scores, columns=list(tables.FEW_SHOT_COLUMNS)), predictions


def label_counts(wanted: Sequence[int], available: int) -> list[int]:
    """Numbers of labels to train on: those asked for that there are, and all.

    Parameters
    ----------
    wanted : sequence of int
    available : int

    Returns
    -------
    list of int
        Rising, each once.
    """
    return sorted({*(n for n in wanted if n < available), available})


def train_and_predict(
    splits: dict[str, Labelled], hidden: Sequence[int], n_labels: int, n_val: int, settings: dict
) -> np.ndarray:
    """Train one network per draw of labelled galaxies and predict the test split.

    Parameters
    ----------
    splits : dict of {"train", "val", "test"} to Labelled
    hidden : sequence of int
        Neurons of the hidden layers.
    n_labels, n_val : int
        Galaxies to train on and to choose the epoch by: the same ones in each space that has the same
        galaxies, and those of a smaller number among those of a larger one.
    settings : dict
        Section `few_shot` of the config.

    Returns
    -------
    ndarray of shape (repeats, n_test), float64
    """
    draws = np.random.default_rng(settings["seed"])
    repeats, train, val = settings["repeats"], splits["train"], splits["val"]
    rows = np.stack([draws.permutation(len(train.y))[:n_labels] for _ in range(repeats)])
    val_rows = draws.permutation(len(val.y))[:n_val]
    # of all train embeddings, which takes no label; of the labels, each network knows its own
    inputs, labels = Scaling.of(train.x), Scaling.of(train.y[rows].T)
    sizes = [train.x.shape[1], *hidden, 1]
    with small_networks.seeded(settings["seed"], n_labels) as rng:
        bank = MlpBank(repeats, sizes, settings["dropout"])
        small_networks.fit(
            bank,
            _squared_error,
            (tensor(inputs.apply(train.x)), tensor(labels.apply(train.y[:, None])).T),
            (tensor(inputs.apply(val.x[val_rows])), tensor(labels.apply(val.y[val_rows, None])).T),
            rows,
            epochs=epochs(n_labels, settings),
            batch_size=settings["batch_size"],
            learning_rate=settings["learning_rate"],
            rng=rng,
        )
        scaled = small_networks.apply(bank, tensor(inputs.apply(splits["test"].x)), repeats)
    return labels.undo(scaled[..., 0].T.numpy().astype(np.float64)).T


def epochs(n_labels: int, settings: dict) -> int:
    """Epochs of a training: those asked for, or more until it has the least number of steps.

    Parameters
    ----------
    n_labels : int
    settings : dict
        Section `few_shot` of the config.

    Returns
    -------
    int
    """
    steps = math.ceil(n_labels / settings["batch_size"])
    return max(settings["epochs"], math.ceil(settings["min_steps"] / steps))


def _squared_error(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return (network(x)[..., 0] - y).square().mean(dim=1)


def _table(test: Labelled, space: str, target: str, n_labels: int, predicted: np.ndarray) -> pd.DataFrame:
    n, repeats = len(test.y), len(predicted)
    columns = (
        np.tile(test.targetid, repeats),
        space,
        target,
        np.int32(n_labels),
        np.repeat(np.arange(1, repeats + 1, dtype=np.int16), n),
        np.tile(test.y, repeats),
        predicted.reshape(-1),
    )
    return pd.DataFrame(dict(zip(tables.FEW_SHOT_PREDICTION_COLUMNS, columns, strict=True)))


def _scores(
    part: pd.DataFrame, n_val: int, bootstrap: int, rng: np.random.Generator
) -> Iterator[tuple[object, ...]]:
    for (space, target, n_labels, repeat), own in part.groupby(["space", "target", "n_labels", "repeat"]):
        summary = metrics.summarise(
            own["y_true"].to_numpy(),
            own["y_pred"].to_numpy(),
            relative=target in REDSHIFTS,
            bootstrap=bootstrap,
            rng=rng,
        )
        key = (PROTOCOL, space, target, n_labels, n_val, repeat)
        logger.info(
            "%s: R2 of %s from %s labels, draw %d = %.3f (%.3f ... %.3f), n = %s",
            space,
            target,
            f"{n_labels:,}",
            repeat,
            *summary["r2"],
            f"{len(own):,}",
        )
        yield from ((*key, name, *values, len(own)) for name, values in summary.items())
