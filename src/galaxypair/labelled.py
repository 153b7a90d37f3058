"""Embeddings with the labels that go with them: what a small network on them is trained and tested on."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.apart import check_splits
from galaxypair.errors import DataError
from galaxypair.io import Embeddings
from galaxypair.properties import target_values
from galaxypair.spaces import space_vectors

logger = logging.getLogger(__name__)

FEWEST = {"train": 20, "val": 5, "test": 2}  # galaxies: with fewer a property is left out
VAL_STEP = 10  # one of so many train galaxies chooses the epoch if there is no val split


@dataclass(frozen=True)
class Labelled:
    """Galaxies of one split that have both an embedding and a property.

    Attributes
    ----------
    targetid : ndarray of shape (n,), int64
    x : ndarray of shape (n, d), float32
        Unit embeddings.
    y : ndarray of shape (n,), float64
        Finite, in the unit of the property.
    """

    targetid: np.ndarray
    x: np.ndarray
    y: np.ndarray


def labelled_splits(
    embeddings: Mapping[str, Embeddings], properties: pd.DataFrame, targets: Sequence[str]
) -> Iterator[tuple[str, str, dict[str, Labelled]]]:
    """Join embeddings and properties, space by space and property by property.

    Parameters
    ----------
    embeddings : mapping of {"train", "val", "test"} to Embeddings
        Without any val galaxies, as imported embeddings may be, every tenth of train takes their place.
    properties : pandas.DataFrame
        `targetid` and the properties.
    targets : sequence of str
        See `properties.choose_targets`.

    Yields
    ------
    space : {"image", "spectrum", "both"}
    target : str
    splits : dict of {"train", "val", "test"} to Labelled
        What is left out is counted in the log. With too few galaxies in a split, the property is left out
        of the space, which is logged too.

    Raises
    ------
    DataError
        If a galaxy is in two splits, or nothing is left at all.
    """
    check_splits(embeddings)
    embeddings = _with_val(embeddings)
    labels = pd.DataFrame({t: target_values(properties, t) for t in targets})
    labels.index = pd.Index(properties["targetid"])
    some = False
    for space in tables.SPACES:
        vectors = {split: space_vectors(own, space) for split, own in embeddings.items()}
        rows = {split: labels.reindex(targetid) for split, (targetid, _) in vectors.items()}
        for target in targets:
            splits = {
                split: _with_label(*vectors[split], rows[split][target].to_numpy()) for split in vectors
            }
            if _enough(space, target, splits, embeddings):
                some = True
                yield space, target, splits
    if not some:
        wanted = ", ".join(f"{n} {split}" for split, n in FEWEST.items())
        raise DataError(
            f"No property ({', '.join(targets) or 'none has values'}) is known for enough galaxies with an "
            f"embedding (at least {wanted}). Use a larger survey, or raise `split.val_fraction`."
        )


def _with_val(embeddings: Mapping[str, Embeddings]) -> Mapping[str, Embeddings]:
    train = embeddings["train"]
    if len(embeddings["val"].targetid) or not len(train.targetid):
        return embeddings
    logger.info("there is no val split: every %dth galaxy of train takes its place", VAL_STEP)
    chosen = np.zeros(len(train.targetid), bool)
    chosen[np.argsort(train.targetid)[::VAL_STEP]] = True
    return {**embeddings, "train": _rows(train, ~chosen), "val": _rows(train, chosen)}


def _rows(own: Embeddings, rows: np.ndarray) -> Embeddings:
    raw, unit = ({m: v[rows] for m, v in kind.items()} for kind in (own.raw, own.unit))
    return Embeddings(own.targetid[rows], raw, unit)


def _with_label(targetid: np.ndarray, vectors: np.ndarray, values: np.ndarray) -> Labelled:
    known = np.isfinite(values)
    return Labelled(targetid[known], vectors[known], values[known])


def _enough(
    space: str, target: str, splits: dict[str, Labelled], embeddings: Mapping[str, Embeddings]
) -> bool:
    counts = ", ".join(
        f"{len(own.y):,} of {len(embeddings[split].targetid):,} {split}" for split, own in splits.items()
    )
    enough = all(len(splits[split].y) >= n for split, n in FEWEST.items())
    level, what = (logging.INFO, "") if enough else (logging.WARNING, ": too few, left out")
    logger.log(level, "%s, %s: %s galaxies have embedding and label%s", space, target, counts, what)
    return enough
