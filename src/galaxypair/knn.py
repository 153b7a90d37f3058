"""Nearest neighbours of embeddings: exact, in bounded memory."""

import numpy as np


def nearest(references: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the k references nearest to each query, by Euclidean distance.

    Parameters
    ----------
    references : ndarray of shape (n, d)
    queries : ndarray of shape (m, d)
        Finite, as the references. Of unit vectors the order is that of falling cosine.
    k : int
        At most n.

    Returns
    -------
    distance : ndarray of shape (m, k), float64
        Rising.
    row : ndarray of shape (m, k), int64
        Of `references`.
    """
    from sklearn.neighbors import NearestNeighbors

    # brute force: exact, and its working memory is bounded whatever n and m
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(references)
    distance, row = search.kneighbors(queries)
    return distance.astype(np.float64), row.astype(np.int64)
