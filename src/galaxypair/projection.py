"""Lay the embeddings out in two dimensions with UMAP, or in four with PCA."""

import logging
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io import Embeddings
from galaxypair.spaces import space_vectors

logger = logging.getLogger(__name__)

FEWEST = 5  # galaxies; UMAP's spectral start needs more than dimensions + 1


@dataclass(frozen=True)
class UmapSettings:
    """Parameters of UMAP.

    Attributes
    ----------
    n_neighbors : int
        Galaxies whose distances UMAP tries to keep around each.
    min_dist : float
        Least distance of points in the plane.
    metric : {"cosine", "euclidean"}
    seed : int
    """

    n_neighbors: int
    min_dist: float
    metric: str
    seed: int


def umap_plane(vectors: np.ndarray, settings: UmapSettings) -> np.ndarray:
    """Coordinates of vectors in the plane of UMAP; the same in each run on one machine.

    Parameters
    ----------
    vectors : ndarray of shape (n, d)
    settings : UmapSettings
        More neighbours than there are other galaxies are reduced to these, which is logged.

    Returns
    -------
    ndarray of shape (n, 2), float32

    Raises
    ------
    DataError
        If there are fewer than five vectors.

    Notes
    -----
    A seed makes UMAP run in one thread; published work on these data used all threads and no seed.
    """
    n = len(vectors)
    if n < FEWEST:
        raise DataError(
            f"UMAP of {n} galaxies of the test split (expected at least {FEWEST}): too few have the "
            "modality. Use a larger survey, or lower `split.train_fraction`."
        )
    n_neighbors = min(settings.n_neighbors, n - 1)
    if n_neighbors < settings.n_neighbors:
        logger.info("Only %d galaxies: umap.n_neighbors reduced to %d.", n, n_neighbors)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        from umap import UMAP

    reducer = UMAP(
        n_neighbors=n_neighbors,
        min_dist=settings.min_dist,
        metric=settings.metric,
        random_state=settings.seed,
        n_jobs=1,  # what a seed forces, with a warning
    )
    return reducer.fit_transform(vectors)


def project(embeddings: Embeddings, space: str, *, max_galaxies: int, settings: UmapSettings) -> pd.DataFrame:
    """Project the galaxies of one space, thinned at random if there are too many.

    Parameters
    ----------
    embeddings : Embeddings
    space : {"image", "spectrum", "both"}
    max_galaxies : int
    settings : UmapSettings
        Its seed also draws the galaxies kept.

    Returns
    -------
    pandas.DataFrame
        targetid, x, y, in the order of the embeddings.

    Raises
    ------
    DataError
        If fewer than five galaxies have the modality.
    """
    targetid, vectors = space_vectors(embeddings, space)
    if len(targetid) > max_galaxies:
        rng = np.random.default_rng(settings.seed)
        keep = np.sort(rng.choice(len(targetid), max_galaxies, replace=False))
        logger.info("%s galaxies thinned to %s.", f"{len(targetid):,}", f"{max_galaxies:,}")
        targetid, vectors = targetid[keep], vectors[keep]
    plane = umap_plane(vectors, settings)
    logger.info("%s: %s galaxies projected.", space, f"{len(targetid):,}")
    return pd.DataFrame({"targetid": targetid, "x": plane[:, 0], "y": plane[:, 1]})


def principal_components(embeddings: Embeddings, space: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Project the galaxies of one space on its principal components.

    Parameters
    ----------
    embeddings : Embeddings
    space : {"image", "spectrum", "both"}

    Returns
    -------
    plane : pandas.DataFrame
        targetid, x, y (the first two components), pc3, pc4, in the order of the embeddings.
    explained : pandas.DataFrame
        space, component (from 1), explained_variance_ratio.

    Raises
    ------
    DataError
        If there are fewer galaxies or dimensions than components.

    Notes
    -----
    The whole decomposition, whose signs scikit-learn fixes, so that each run gives the same. Of unit
    embeddings; the reproduction of AstroCLIP takes four components of embeddings of any length.
    """
    from sklearn.decomposition import PCA

    targetid, vectors = space_vectors(embeddings, space)
    n = tables.PCA_COMPONENTS
    if min(vectors.shape) < n:
        raise DataError(
            f"PCA of {len(vectors)} galaxies with embeddings of {vectors.shape[1]} dimensions: expected at "
            f"least {n} of each. Use a larger survey, or a larger `model.embedding_dim`."
        )
    model = PCA(n, svd_solver="full")
    # float64: its rounding differs less between machines than that of a figure's pixels
    plane = model.fit_transform(vectors.astype(np.float64)).astype(np.float32)
    names = ("x", "y", *(f"pc{i}" for i in range(3, n + 1)))
    ratio = model.explained_variance_ratio_
    logger.info("%s: %s galaxies, variance explained %s.", space, f"{len(targetid):,}", np.round(ratio, 3))
    explained = pd.DataFrame(
        {"space": space, "component": range(1, n + 1), "explained_variance_ratio": ratio}
    )
    return pd.DataFrame({"targetid": targetid} | dict(zip(names, plane.T, strict=True))), explained
