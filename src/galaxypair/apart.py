"""No galaxy on both sides of a prediction."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io import Embeddings

SHOWN = 3  # TARGETIDs that a message names


def check_apart(first: Embeddings, second: Embeddings, what: str) -> None:
    """Refuse galaxies that are on both sides.

    Parameters
    ----------
    first, second : Embeddings
    what : str
        The two sides, for the message.

    Raises
    ------
    DataError
        Naming the TARGETIDs.
    """
    shared = np.intersect1d(first.targetid, second.targetid)
    if len(shared):
        named = ", ".join(map(str, shared[:SHOWN])) + (", ..." if len(shared) > SHOWN else "")
        raise DataError(
            f"{len(shared)} galaxies are among both {what} (TARGETID {named}): their properties would be "
            "predicted from themselves. Make the splits and embeddings anew: your command with `--forcerun "
            "preprocess` added (`import_embeddings` where these are imported); if it stays, the source names "
            "them in two splits: take them out of one."
        )


def check_splits(splits: Mapping[str, Embeddings]) -> None:
    """Refuse galaxies that are in two splits.

    Parameters
    ----------
    splits : mapping of {"train", "val", "test"} to Embeddings

    Raises
    ------
    DataError
        Naming the TARGETIDs.
    """
    for first, second in combinations(tables.SPLITS, 2):
        check_apart(splits[first], splits[second], f"the {first} and the {second} split")
