"""Choose the galaxies that retrieval figures ask for, and tabulate their neighbours."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from galaxypair import retrieval
from galaxypair.errors import ConfigError
from galaxypair.io import Embeddings

logger = logging.getLogger(__name__)

GRID_CELLS = 64  # of the figure of 8 x 8 images: the single galaxy and its nearest


def choose(
    test: Embeddings, *, queries: int | Sequence[int], query_rows: Sequence[int], rng: np.random.Generator
) -> np.ndarray:
    """Choose the query galaxies: named ones, or some at random.

    Parameters
    ----------
    test : Embeddings
    queries : int or sequence of int
        So many drawn among the galaxies with both modalities (all if there are fewer), unless
        `query_rows` names some; or TARGETIDs.
    query_rows : sequence of int
        Rows of the table of embeddings, counted from 0; behind the TARGETIDs.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (m,), int64
        TARGETIDs, each once, in the order asked for.

    Raises
    ------
    ConfigError
        If a TARGETID or a row is not in the test split, or lacks a modality.
    DataError
        If fewer than two galaxies have both modalities.
    """
    known, _ = retrieval.complete(test)
    named = [] if isinstance(queries, int) else [_known(t, test, known) for t in queries]
    named += [_at_row(row, "query_rows", test, known) for row in query_rows]
    if named:
        return np.array(list(dict.fromkeys(named)), np.int64)
    return known[rng.permutation(len(known))[:queries]]


def table(
    test: Embeddings,
    *,
    queries: int | Sequence[int],
    query_rows: Sequence[int],
    single_row: int | None,
    n_neighbours: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """List the neighbours of all galaxies that retrieval figures ask for.

    Parameters
    ----------
    test : Embeddings
    queries, query_rows
        See `choose`.
    single_row : int or None
        Row of the galaxy of the figures that show one; None: the first query.
    n_neighbours : int
        Of each query and pair of modalities.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        See `retrieval.neighbours`, and role: `query`, or `single`, whose nearest images by its own
        image are as many as the grid of images has room for.

    Raises
    ------
    ConfigError
        See `choose`.
    DataError
        If fewer than two galaxies have both modalities.
    """
    chosen = choose(test, queries=queries, query_rows=query_rows, rng=rng)
    single = chosen[:1]
    if single_row is not None:
        known, _ = retrieval.complete(test)
        single = np.array([_at_row(single_row, "single_row", test, known)])
    images = ("image", "image")
    others = [pair for pair in retrieval.PAIRS if pair != images]
    n_images = max(n_neighbours, GRID_CELLS - 1)
    parts = {
        "query": [retrieval.neighbours(test, chosen, n_neighbours=n_neighbours)],
        "single": [
            retrieval.neighbours(test, single, n_neighbours=n_images, pairs=[images]),
            retrieval.neighbours(test, single, n_neighbours=n_neighbours, pairs=others),
        ],
    }
    logger.info("queries: TARGETID %s; single: %d", ", ".join(map(str, chosen)), single[0])
    return pd.concat(
        [part.assign(role=role) for role, own in parts.items() for part in own], ignore_index=True
    )


def _known(targetid: int, test: Embeddings, known: np.ndarray) -> int:
    if targetid in known:
        return targetid
    if targetid in test.targetid:
        raise ConfigError(
            f"`retrieval.queries` names TARGETID {targetid}, which lacks its image or its spectrum; name a "
            "galaxy that has both."
        )
    # by difference in Python: TARGETIDs have 17 digits, more than a float holds
    near = min(known.tolist(), key=lambda other: abs(other - targetid))
    raise ConfigError(
        f"`retrieval.queries` names TARGETID {targetid}, which is none of the {len(test.targetid):,} "
        f"galaxies of the test split (embeddings/test.parquet); the nearest number there is {near}. Whether "
        "it is in another split, or was cut, and why, stands in dataset/ledger.parquet."
    )


def _at_row(row: int, key: str, test: Embeddings, known: np.ndarray) -> int:
    n = len(test.targetid)
    if row >= n:
        raise ConfigError(
            f"`retrieval.{key}` names row {row}, but the test split of this run has {n:,} galaxies: choose "
            f"rows from 0 to {n - 1}."
        )
    targetid = int(test.targetid[row])
    if targetid not in known:
        raise ConfigError(
            f"`retrieval.{key}` names row {row} (TARGETID {targetid}), which lacks its image or its "
            "spectrum; name a galaxy that has both."
        )
    return targetid
