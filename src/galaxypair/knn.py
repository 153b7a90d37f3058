"""Nearest neighbours of embeddings: exact, in bounded memory; and the mean of what they are labelled with."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SCIKIT_LEARN = "scikit-learn"
GPU_DRIVER = Path("/proc/driver/nvidia")  # without it PyTorch, which takes seconds to import, is left alone
SPARE = 16  # candidates beyond k: what rounding may confuse
SIMILARITIES = 64_000_000  # in memory at a time on the GPU (256 MB)
BLOCK_VALUES = 8_000_000  # coordinates of candidates in memory at a time (64 MB)


def nearest(
    references: np.ndarray, queries: np.ndarray, k: int, *, device: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k references nearest to each query, by Euclidean distance.

    Parameters
    ----------
    references : ndarray of shape (n, d)
    queries : ndarray of shape (m, d)
        Finite, as the references. Of unit vectors the order is that of falling cosine.
    k : int
        At most n.
    device : str, optional
        Of PyTorch, or "scikit-learn". None: the GPU if there is one and PyTorch is installed, else
        scikit-learn.

    Returns
    -------
    distance : ndarray of shape (m, k), float64
        Rising; 0 exactly where query and reference are the same vector.
    row : ndarray of shape (m, k), int64
        Of `references`; of equally near ones the first comes first.

    Notes
    -----
    Either way finds some candidates more than needed, whose distances are then computed in float64:
    the result does not depend on the machine. The GPU searches in float32; where the rounding of that
    could have hidden a neighbour, scikit-learn searches again.
    """
    device = device or backend()
    wanted = min(k + SPARE, len(references))
    if device == SCIKIT_LEARN:
        return _ranked(references, queries, _search(references, queries, wanted), k)
    candidates, beyond = _search_in_float32(references, queries, wanted, device)
    distance, row = _ranked(references, queries, candidates, k)
    unsure = distance[:, -1] ** 2 >= beyond
    if unsure.any():
        again = _search(references, queries[unsure], wanted)
        distance[unsure], row[unsure] = _ranked(references, queries[unsure], again, k)
    return distance, row


def backend() -> str:
    """Name what `nearest` searches with on this machine.

    Returns
    -------
    {"cuda", "scikit-learn"}
    """
    # by name: the environment of these rules need not have PyTorch
    if GPU_DRIVER.exists() and find_spec("torch") and import_module("torch").cuda.is_available():
        return "cuda"
    return SCIKIT_LEARN


def _search(references: np.ndarray, queries: np.ndarray, wanted: int) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors

    # brute force: exact, and its working memory is bounded whatever n and m
    search = NearestNeighbors(n_neighbors=wanted, algorithm="brute").fit(references)
    return search.kneighbors(queries, return_distance=False)


def _search_in_float32(
    references: np.ndarray, queries: np.ndarray, wanted: int, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates (m, wanted), and a squared distance that all other references exceed (m,)."""
    torch = import_module("torch")
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")  # TensorFloat-32 would break the bound below
    centre = references.mean(axis=0, dtype=np.float64)  # small numbers round less
    known, asked = (torch.from_numpy((v - centre).astype(np.float32)) for v in (references, queries))
    known = known.to(device)
    length, most = (known**2).sum(dim=1), known.norm(dim=1).max().item()
    rows, last = [], []
    for block in asked.split(max(1, SIMILARITIES // len(known))):
        squared = torch.addmm(length, block.to(device), known.T, alpha=-2)  # less the query's own length
        found = squared.topk(wanted, largest=False)
        rows.append(found.indices.cpu())
        last.append(found.values[:, -1].cpu() + (block**2).sum(dim=1))
    torch.set_float32_matmul_precision(precision)
    sizes = asked.norm(dim=1).double().numpy()
    # worst case of a sum of d products, each of which and the coordinates are rounded
    rounding = (references.shape[1] + 8) * np.finfo(np.float32).eps * (sizes + most) ** 2
    beyond = torch.cat(last).double().numpy() - rounding
    return torch.cat(rows).numpy(), np.where(wanted < len(known), beyond, np.inf)


def _ranked(
    references: np.ndarray, queries: np.ndarray, candidates: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    candidates = np.sort(candidates, axis=1)  # of equally near ones the first stays first
    distance = np.empty((len(queries), k))
    row = np.empty((len(queries), k), np.int64)
    step = max(1, BLOCK_VALUES // (candidates.shape[1] * references.shape[1]))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        apart = references[candidates[part]].astype(np.float64) - queries[part, None]  # (b, candidates, d)
        own = np.sqrt(np.einsum("bcd,bcd->bc", apart, apart))
        order = np.argsort(own, axis=1, kind="stable")[:, :k]
        distance[part] = np.take_along_axis(own, order, axis=1)
        row[part] = np.take_along_axis(candidates[part], order, axis=1)
    return distance, row


def average(distance: np.ndarray, row: np.ndarray, labels: np.ndarray, weights: str) -> np.ndarray:
    """Average labels over neighbours that are found already.

    Parameters
    ----------
    distance, row : ndarray of shape (m, k)
        From `nearest`.
    labels : ndarray of shape (n, t)
    weights : {"distance", "uniform"}

    Returns
    -------
    ndarray of shape (m, t), float64
        By distance, a query that coincides with references gets the mean of those alone.
    """
    if weights == "uniform":
        return labels[row].mean(axis=1)
    same = distance == 0  # the limit of inverse distances
    weight = np.where(same.any(axis=1, keepdims=True), same, 1 / np.where(same, 1, distance))
    return np.einsum("mk,mkt->mt", weight / weight.sum(axis=1, keepdims=True), labels[row])
