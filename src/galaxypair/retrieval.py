"""Find a galaxy's spectrum by its image and the reverse: recall, rank, and nearest neighbours."""

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from galaxypair import knn, metrics, tables
from galaxypair.errors import DataError
from galaxypair.io import Embeddings

logger = logging.getLogger(__name__)

PROTOCOL = "test_split"
BLOCK_VALUES = 16_000_000  # similarities in memory at a time (64 MB)
TIE = 1e-6  # cosines closer than this differ only by rounding in float32
NEIGHBOUR_COLUMNS = ("targetid", "reference", "query", "rank", "neighbour", "similarity")
PAIRS = tuple((query, reference) for query in tables.MODALITIES for reference in tables.MODALITIES)


def pair_ranks(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Rank of each query's own partner among all references, by cosine.

    Parameters
    ----------
    queries, references : ndarray of shape (n, d)
        Unit embeddings; row i of both is the same galaxy.

    Returns
    -------
    ndarray of shape (n,), float64
        1 = the partner is the nearest. References as near as the partner count half, so that
        embeddings that have collapsed to a point rank like chance.
    """
    ranks = np.empty(len(queries))
    for start, similarity in _similarity_blocks(queries, references):
        rows = np.arange(len(similarity))
        own = similarity[rows, start + rows][:, None]
        nearer = (similarity > own + TIE).sum(axis=1)
        tied = (np.abs(similarity - own) <= TIE).sum(axis=1) - 1
        ranks[start + rows] = 1 + nearer + tied / 2
    return ranks


def evaluate(
    test: Embeddings, *, recall_at: Sequence[int], bootstrap: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure how well one modality of a galaxy finds the other, both ways.

    Parameters
    ----------
    test : Embeddings
        Galaxies without both modalities are left out.
    recall_at : sequence of int
    bootstrap : int
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.METRIC_COLUMNS`, target `pair`: `recall@{k}` (share of queries whose partner is
        among the k nearest), `median_rank`, and beside each what random embeddings would give:
        `chance_recall@{k}`, `chance_median_rank` with the 68 % interval of such a draw.

    Raises
    ------
    DataError
        If fewer than two galaxies have both modalities.
    """

    def measure(ranks: np.ndarray) -> dict[str, np.ndarray]:  # (b, n) -> (b,)
        recall = {f"recall@{k}": np.mean(ranks <= k, axis=1) for k in recall_at}
        return {**recall, "median_rank": np.median(ranks, axis=1)}

    _, unit = complete(test)
    n = len(unit["image"])
    rows = []
    for query, reference in (("image", "spectrum"), ("spectrum", "image")):
        ranks = pair_ranks(unit[query], unit[reference])
        summary = metrics.with_interval(measure, ranks, bootstrap=bootstrap, rng=rng)
        summary |= chance(n, recall_at)
        key = (PROTOCOL, reference, query, "pair")
        rows += [(*key, name, *values, n) for name, values in summary.items()]
        logger.info(
            "%s finds %s among %s: %s",
            query,
            reference,
            f"{n:,}",
            ", ".join(f"{name} {values[0]:.3g}" for name, values in summary.items()),
        )
    return pd.DataFrame(rows, columns=list(tables.METRIC_COLUMNS))


def chance(n: int, recall_at: Sequence[int]) -> metrics.Summary:
    """Give what embeddings that know nothing would score, with the 68 % interval of one such draw.

    Parameters
    ----------
    n : int
        Galaxies, each a query and a reference.
    recall_at : sequence of int

    Returns
    -------
    dict of str to tuple of float
        (expected value, low, high) of `chance_recall@{k}` and `chance_median_rank`.

    Notes
    -----
    The rank is then uniform on 1 ... n: the number of queries found is binomial, and the median
    of n uniform ranks, scaled to (0, 1), follows Beta((n + 1) / 2, (n + 1) / 2).
    """
    from scipy import stats

    summary = {}
    for k in recall_at:
        share = min(k / n, 1.0)
        low, high = stats.binom.interval(0.68, n, share)
        summary[f"chance_recall@{k}"] = (share, float(low / n), float(high / n))
    low, high = 0.5 + n * np.array(stats.beta.interval(0.68, (n + 1) / 2, (n + 1) / 2))
    summary["chance_median_rank"] = ((n + 1) / 2, float(low), float(high))
    return summary


def neighbours(
    test: Embeddings,
    targetid: np.ndarray,
    *,
    n_neighbours: int,
    pairs: Sequence[tuple[str, str]] = PAIRS,
) -> pd.DataFrame:
    """Nearest neighbours of some galaxies, for each pair of modalities.

    Parameters
    ----------
    test : Embeddings
        Only galaxies with both modalities are found.
    targetid : ndarray of shape (m,), int64
        Galaxies with both modalities that are asked for, see `queries.choose`.
    n_neighbours : int
        Fewer if there are not as many other galaxies.
    pairs : sequence of (query, reference), optional
        All four unless given.

    Returns
    -------
    pandas.DataFrame
        targetid (of the query), reference, query, rank (1 = nearest), neighbour, similarity. A
        query is not its own neighbour within one modality; across, it may be found and is kept.

    Raises
    ------
    DataError
        If fewer than two galaxies have both modalities.

    Notes
    -----
    The reproduction of AstroCLIP keeps the query among its neighbours within a modality, so that
    its first rank says nothing; here rank 1 is the nearest other galaxy.
    """
    known, unit = complete(test)
    rows = pd.Index(known).get_indexer(targetid)
    k = min(n_neighbours, len(known) - 1)
    parts = []
    for query, reference in pairs:
        asked = unit[query][rows]
        order = nearest_others(unit[reference], asked, rows if query == reference else None, k)
        similarity = np.einsum("md,mkd->mk", asked, unit[reference][order])
        values = (
            np.repeat(targetid, k),
            reference,
            query,
            np.tile(np.arange(1, k + 1), len(targetid)),
            known[order].reshape(-1),
            similarity.reshape(-1),
        )
        parts.append(pd.DataFrame(dict(zip(NEIGHBOUR_COLUMNS, values, strict=True))))
    return pd.concat(parts, ignore_index=True)


def nearest_others(references: np.ndarray, queries: np.ndarray, own: np.ndarray | None, k: int) -> np.ndarray:
    """Find the k references nearest to each query, leaving the query's own galaxy out.

    Parameters
    ----------
    references : ndarray of shape (n, d)
        Unit embeddings.
    queries : ndarray of shape (m, d)
        Unit embeddings.
    own : ndarray of shape (m,), int64, optional
        Row of `references` that is each query's own galaxy; None: none is left out.
    k : int
        At most n, less one if some are left out.

    Returns
    -------
    ndarray of shape (m, k), int64
        Rows of `references`, the nearest first.
    """
    if own is None:
        return knn.nearest(references, queries, k)[1]
    # one more than asked: among copies of one vector the query itself may not even be found
    order = knn.nearest(references, queries, k + 1)[1]
    itself_last = np.argsort(order == own[:, None], axis=1, kind="stable")
    return np.take_along_axis(order, itself_last, axis=1)[:, :k]


def complete(test: Embeddings) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Pick the galaxies that have both modalities.

    Parameters
    ----------
    test : Embeddings

    Returns
    -------
    targetid : ndarray of shape (n,), int64
        In the order of the table.
    unit : dict of modality to ndarray of shape (n, d), float32

    Raises
    ------
    DataError
        If there are fewer than two.
    """
    both = np.logical_and.reduce([np.isfinite(test.unit[m]).all(axis=1) for m in tables.MODALITIES])
    if both.sum() < 2:
        raise DataError(
            f"{both.sum()} of {len(both)} galaxies of the test split have both image and spectrum; retrieval "
            "needs two. Use a larger survey, or lower `split.train_fraction`."
        )
    return test.targetid[both], {m: test.unit[m][both] for m in tables.MODALITIES}


def _similarity_blocks(queries: np.ndarray, references: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    step = max(1, BLOCK_VALUES // len(references))
    for start in range(0, len(queries), step):
        yield start, queries[start : start + step] @ references.T
