"""Group galaxies: KMeans among the embeddings, DBSCAN and HDBSCAN islands of the UMAP plane."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import DataError

logger = logging.getLogger(__name__)

NOISE = -1  # label of DBSCAN and HDBSCAN for galaxies in no cluster


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
        k, silhouette, inertia, n (galaxies).

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
        rows.append((k, silhouette, model.inertia_, len(vectors)))
        logger.info("KMeans k = %d: silhouette %.3f, inertia %.4g, n = %d", *rows[-1])
    scan = pd.DataFrame(rows, columns=["k", "silhouette", "inertia", "n"])
    best = usable[int(np.argmax(scan["silhouette"].fillna(-np.inf)))]
    return by_size(labels[best]), scan


def dbscan_radius(plane: np.ndarray, rule: str | float, *, min_samples: int, quantile: float) -> float:
    """Choose the radius eps of DBSCAN.

    Parameters
    ----------
    plane : ndarray of shape (n, 2)
    rule : {"quantile", "knee"} or float
        Both rules look at the distance from each galaxy to its (min_samples - 1)-th neighbour.
        quantile: that quantile of them, so that about so large a share of the galaxies become core
        points; knee: where their sorted curve bends most. A number is the radius itself.
    min_samples : int
        Galaxies within eps, itself included, that make a galaxy part of a cluster's core.
    quantile : float
        Of the rule of this name.

    Returns
    -------
    float
        In units of the plane.

    Notes
    -----
    The reproduction of AstroCLIP sets 0.22 (0.20 in its text) by eye on its own UMAP plane. The scale
    of such a plane depends on the number of galaxies and differs between runs: a fixed radius does not
    carry over from one to another.

    References
    ----------
    Ester et al. (1996), section 4.2, for the distances; Satopää et al. (2011), "Finding a kneedle in a
    haystack", for the knee: the largest distance of the curve, scaled to a square, from its diagonal.
    """
    from sklearn.neighbors import NearestNeighbors

    if not isinstance(rule, str):
        return float(rule)
    distances, _ = NearestNeighbors(n_neighbors=min_samples).fit(plane).kneighbors(plane)
    curve = np.sort(distances[:, -1])
    if rule == "quantile":
        eps = np.quantile(curve, quantile)
    else:
        below = np.linspace(curve[0], curve[-1], len(curve)) - curve
        eps = curve[np.argmax(below)]
    return max(float(eps), np.finfo(np.float32).tiny)


def dbscan_islands(plane: np.ndarray, *, min_samples: int, eps: float) -> np.ndarray:
    """Find the islands of a projection with DBSCAN.

    Parameters
    ----------
    plane : ndarray of shape (n, 2)
    min_samples : int
        See `dbscan_radius`.
    eps : float
        Radius.

    Returns
    -------
    ndarray of shape (n,), int64
        -1 = noise, else ordered by falling size of the clusters.
    """
    from sklearn.cluster import DBSCAN

    return by_size(DBSCAN(eps=eps, min_samples=min_samples).fit_predict(plane))


def hdbscan_islands(plane: np.ndarray, *, min_samples: int, min_cluster_size: int) -> np.ndarray:
    """Find the islands of a projection at whatever density each of them has, with HDBSCAN.

    Parameters
    ----------
    plane : ndarray of shape (n, 2)
    min_samples : int
        As for DBSCAN.
    min_cluster_size : int
        A group of fewer galaxies is no cluster.

    Returns
    -------
    ndarray of shape (n,), int64
        -1 = noise, else ordered by falling size of the clusters.

    Notes
    -----
    No radius is set: the clusters are those that last longest as it shrinks (excess of mass), so that
    the scale of the plane does not matter. Never one cluster alone: if nothing splits, all is noise.

    References
    ----------
    Campello, Moulavi & Sander (2013).
    """
    from sklearn.cluster import HDBSCAN

    if len(plane) < 2 * min_cluster_size:
        return np.full(len(plane), NOISE, dtype=np.int64)
    model = HDBSCAN(min_cluster_size=min_cluster_size, min_samples=min_samples, copy=True)
    return by_size(model.fit_predict(plane.astype(np.float64)))


def islands(plane: np.ndarray, settings: Mapping) -> tuple[dict[str, np.ndarray], dict[str, dict]]:
    """Find the islands of a projection with both methods.

    Parameters
    ----------
    plane : ndarray of shape (n, 2)
    settings : mapping
        Section `cluster` of the configuration.

    Returns
    -------
    labels : dict of method to ndarray of shape (n,), int64
        `dbscan` and `hdbscan`.
    found : dict of method to dict
        What the settings came to on this plane: `min_samples`, `eps`, `min_cluster_size`.
    """
    least = min(settings["dbscan_min_samples"], len(plane))
    eps = dbscan_radius(
        plane, settings["dbscan_eps"], min_samples=least, quantile=settings["dbscan_eps_quantile"]
    )
    size = max(2, least, round(settings["hdbscan_min_share"] * len(plane)))
    labels = {
        "dbscan": dbscan_islands(plane, min_samples=least, eps=eps),
        "hdbscan": hdbscan_islands(plane, min_samples=least, min_cluster_size=size),
    }
    found = {
        "dbscan": {"min_samples": least, "eps": eps, "eps_rule": str(settings["dbscan_eps"])},
        "hdbscan": {"min_samples": least, "min_cluster_size": size},
    }
    return labels, found


def describe(labels: Mapping[str, np.ndarray], found: Mapping[str, Mapping], space: str) -> pd.DataFrame:
    """Tabulate what each method found, and with which settings.

    Parameters
    ----------
    labels : mapping of method to ndarray of shape (n,), int64
    found : mapping of method to mapping
        See `islands`; methods without an entry have no such settings.
    space : str

    Returns
    -------
    pandas.DataFrame
        `tables.CLUSTERING_COLUMNS`, one row per method.
    """
    rows = []
    for method, own in labels.items():
        sizes = np.bincount(own[own != NOISE], minlength=1)
        row = {"space": space, "method": method, "n": len(own), "clusters": int(own.max(initial=NOISE)) + 1}
        shares = {"noise_fraction": np.mean(own == NOISE), "largest_fraction": sizes.max() / len(own)}
        rows.append(row | shares | dict(found.get(method, {})))
        told = ", ".join(f"{name} {value}" for name, value in found.get(method, {}).items())
        logger.info(
            "%s, %s space (%s): %d clusters, %.1f %% noise",
            *(method, space, told or "k of the best silhouette", row["clusters"]),
            100 * shares["noise_fraction"],
        )
    return pd.DataFrame(rows).reindex(columns=list(tables.CLUSTERING_COLUMNS))
