"""Group galaxies: KMeans among the embeddings, DBSCAN islands of the UMAP plane."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from galaxypair.errors import DataError

logger = logging.getLogger(__name__)

NOISE = -1  # DBSCAN's label of galaxies in no cluster


def by_size(labels: np.ndarray) -> np.ndarray:
    """Renumber clusters by falling size, so that the numbers mean the same in each run.

    Parameters
    ----------
    labels : ndarray of shape (n,), int
        -1 is noise and stays.

    Returns
    -------
    ndarray of shape (n,), int64
        0 = the largest; of two equally large ones, the one that occurs first.
    """
    names, first, size = np.unique(labels[labels != NOISE], return_index=True, return_counts=True)
    order = np.lexsort((first, -size))
    number = dict(zip(names[order].tolist(), range(len(names)), strict=True)) | {NOISE: NOISE}
    return np.array([number[label] for label in labels.tolist()], dtype=np.int64)


def scan_kmeans(
    vectors: np.ndarray, ks: Sequence[int], *, silhouette_galaxies: int, seed: int
) -> tuple[np.ndarray, pd.DataFrame]:
    """Cluster by KMeans for several k and keep the k of the best silhouette.

    Parameters
    ----------
    vectors : ndarray of shape (n, d)
        Unit embeddings.
    ks : sequence of int
        Numbers of clusters; those of n and more are left out, which is logged.
    silhouette_galaxies : int
        The silhouette is computed on so many random galaxies, the same for all k.
    seed : int

    Returns
    -------
    labels : ndarray of shape (n,), int64
        Ordered by falling size of the clusters.
    scan : pandas.DataFrame
        k, silhouette, inertia.

    Raises
    ------
    DataError
        If there are too few galaxies, or the embeddings are all alike.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    distinct = len(np.unique(vectors, axis=0))
    usable = [k for k in ks if k < distinct]
    if not usable:
        raise DataError(
            f"KMeans of {len(vectors)} galaxies with {distinct} distinct embeddings: expected more than "
            f"{min(ks)}, the smallest `cluster.kmeans_k`. The survey is too small, or the model gives all "
            "galaxies the same embedding (look at model/history.csv)."
        )
    if len(usable) < len(ks):
        logger.info("Only %d distinct embeddings: k up to %d tried.", distinct, max(usable))
    sample = np.random.default_rng(seed).permutation(len(vectors))[:silhouette_galaxies]
    labels, rows = {}, []
    for k in usable:
        model = KMeans(k, n_init=10, random_state=seed).fit(vectors)
        labels[k] = model.labels_
        present = len(np.unique(model.labels_[sample]))
        silhouette = (
            silhouette_score(vectors[sample], model.labels_[sample]) if 1 < present < len(sample) else np.nan
        )
        rows.append((k, silhouette, model.inertia_))
        logger.info("KMeans k = %d: silhouette %.3f, inertia %.4g", *rows[-1])
    scan = pd.DataFrame(rows, columns=["k", "silhouette", "inertia"])
    best = usable[int(np.argmax(scan["silhouette"].fillna(-np.inf)))]
    return by_size(labels[best]), scan


def dbscan_islands(plane: np.ndarray, *, min_samples: int, eps_quantile: float) -> np.ndarray:
    """Find the islands of a projection with DBSCAN, the radius taken from the points themselves.

    Parameters
    ----------
    plane : ndarray of shape (n, 2)
    min_samples : int
        Galaxies within eps, itself included, that make a galaxy part of a cluster's core.
    eps_quantile : float
        eps is this quantile of the distances from each galaxy to its (min_samples - 1)-th
        neighbour: about so large a share of the galaxies become core points.

    Returns
    -------
    ndarray of shape (n,), int64
        -1 = noise, else ordered by falling size of the clusters.

    Notes
    -----
    Published work on these data set eps = 0.2 by eye; the scale of a UMAP plane depends on the
    number of galaxies, so that no fixed radius carries over. See Ester et al. (1996), section 4.2,
    for the distances used.
    """
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import NearestNeighbors

    k = min(min_samples, len(plane))
    distances, _ = NearestNeighbors(n_neighbors=k).fit(plane).kneighbors(plane)
    eps = max(float(np.quantile(distances[:, -1], eps_quantile)), np.finfo(np.float32).tiny)
    labels = by_size(DBSCAN(eps=eps, min_samples=k).fit_predict(plane))
    logger.info(
        "DBSCAN eps = %.3g: %d clusters, %.1f %% noise", eps, labels.max() + 1, 100 * np.mean(labels == NOISE)
    )
    return labels
