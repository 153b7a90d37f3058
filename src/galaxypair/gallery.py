"""Choose the galaxies that figures show, so that one small file holds all their pixels and spectra."""

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.cluster import NOISE
from galaxypair.io import Embeddings
from galaxypair.spaces import space_vectors

logger = logging.getLogger(__name__)

LARGEST = 10  # clusters shown: more colours can hardly be told apart
MANTISSA_BITS = 10  # of 23: relative precision 0.05 %, finer than a figure or the noise
COLUMNS = ("targetid", "z", "image", "spectrum", "has_image", "has_spectrum")  # that `pack` takes
ABSENT = -1  # in cluster, cell_x, cell_y of roles that have none


def choose(
    properties: pd.DataFrame,
    neighbours: pd.DataFrame,
    embeddings: Embeddings,
    *,
    examples: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Choose the example galaxies of the test split, and take up those that retrieval shows.

    Parameters
    ----------
    properties : pandas.DataFrame
        targetid, z and, if known, mag_r.
    neighbours : pandas.DataFrame
        From `retrieval.neighbours`.
    embeddings : Embeddings
    examples : int
        Example galaxies; they have both modalities.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.ROLE_COLUMNS`.
    """
    complete = properties[properties["targetid"].isin(space_vectors(embeddings, "both")[0])]
    shown = pd.unique(neighbours[["targetid", "neighbour"]].to_numpy().reshape(-1))
    return _told(
        [
            _role("example", targetid=pick_examples(complete, examples, rng)),
            _role("retrieval", targetid=shown),
        ]
    )


def choose_members(
    clusters: pd.DataFrame,
    embeddings: Embeddings,
    method: str,
    space: str,
    *,
    examples: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Choose some members of each of the largest clusters.

    Parameters
    ----------
    clusters : pandas.DataFrame
        targetid, cluster (-1 = noise, not shown).
    embeddings : Embeddings
    method : {"kmeans", "dbscan", "hdbscan"}
        Of k-means the members nearest to the centroid, nearest first; islands of a plane may be
        curved, so that the middle of one is no typical member: theirs are drawn at random.
    space : {"image", "spectrum", "both"}
    examples : int
        Of each cluster.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.ROLE_COLUMNS`, role `members`.

    Notes
    -----
    Members are found by TARGETID. The reproduction of AstroCLIP shows the row after each of a cluster.
    """
    if method == "kmeans":
        order = np.argsort(centroid_distance(embeddings, space, clusters), kind="stable")
    else:
        order = rng.permutation(len(clusters))
    ordered = clusters.iloc[order]
    shown = ordered[(ordered["cluster"] != NOISE) & (ordered["cluster"] < LARGEST)]
    return _told(
        [
            _role("members", targetid=members["targetid"].to_numpy()[:examples], cluster=cluster)
            for cluster, members in shown.groupby("cluster")
        ]
    )


def choose_mosaic(projection: pd.DataFrame, cells: int) -> pd.DataFrame:
    """Choose one galaxy for each cell of a grid over a projection.

    Parameters
    ----------
    projection : pandas.DataFrame
        targetid, x, y.
    cells : int
        Along each side.

    Returns
    -------
    pandas.DataFrame
        `tables.ROLE_COLUMNS`, role `mosaic`.
    """
    rows, cell_x, cell_y = pick_mosaic(projection[["x", "y"]].to_numpy(), cells)
    ids = projection["targetid"].to_numpy()[rows]
    return _told([_role("mosaic", targetid=ids, cell_x=cell_x, cell_y=cell_y)])


def pick_examples(galaxies: pd.DataFrame, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw galaxies spread over redshift, by turns from the brighter and the fainter half.

    Parameters
    ----------
    galaxies : pandas.DataFrame
        targetid, z and, if known, mag_r.
    n : int
        Equally filled bins of redshift, one galaxy from each.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (m,), int64
        m is the lesser of n and the number of galaxies; rising redshift, unknown ones last.
    """
    ordered = galaxies.sort_values("z", kind="stable")
    bins = [rows for rows in np.array_split(np.arange(len(ordered)), n) if len(rows)]
    picked = []
    for i, rows in enumerate(bins):
        here = ordered.iloc[rows]
        if "mag_r" in here and here["mag_r"].notna().any():
            middle = here["mag_r"].median()
            half = here[here["mag_r"] <= middle if i % 2 == 0 else here["mag_r"] > middle]
            here = half if len(half) else here
        picked.append(rng.choice(here["targetid"].to_numpy()))
    return np.array(picked, dtype=np.int64)


def centroid_distance(embeddings: Embeddings, space: str, clusters: pd.DataFrame) -> np.ndarray:
    """Distance of each galaxy to the mean unit embedding of its cluster.

    Parameters
    ----------
    embeddings : Embeddings
    space : {"image", "spectrum", "both"}
    clusters : pandas.DataFrame
        targetid, cluster.

    Returns
    -------
    ndarray of shape (n,)
        In the order of `clusters`.
    """
    targetid, vectors = space_vectors(embeddings, space)
    vectors = vectors[pd.Index(targetid).get_indexer(clusters["targetid"])]
    distance = np.empty(len(vectors))
    for _, members in clusters.groupby("cluster").indices.items():
        distance[members] = np.linalg.norm(vectors[members] - vectors[members].mean(axis=0), axis=1)
    return distance


def pick_mosaic(plane: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pick the point nearest to the centre of each cell of a grid over a projection.

    Parameters
    ----------
    plane : ndarray of shape (n, 2)
    cells : int
        Cells along each side of the box that holds all points.

    Returns
    -------
    rows : ndarray of shape (m,), int64
        Rows of `plane`, one per cell that is not empty.
    cell_x, cell_y : ndarray of shape (m,), int64
        Counted from the lower left corner.
    """
    low, high = plane.min(axis=0), plane.max(axis=0)
    scaled = cells * (plane - low) / np.where(high > low, high - low, 1)  # in cells
    cell = np.minimum(scaled.astype(np.int64), cells - 1)
    off_centre = np.hypot(*(scaled - cell - 0.5).T)
    nearest_first = np.argsort(off_centre, kind="stable")
    _, first = np.unique(cell[nearest_first], axis=0, return_index=True)
    rows = nearest_first[first]
    return rows, cell[rows, 0], cell[rows, 1]


def pack(galaxies: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Turn rows of shards into the arrays of `gallery/*.h5`.

    Parameters
    ----------
    galaxies : mapping of str to ndarray of shape (n, ...)
        `targetid`, `z`, and of each modality the data and `has_{modality}`.

    Returns
    -------
    dict of str to ndarray
        `targetid`, `z`, `image` and `spectrum`, rounded; NaN throughout where a galaxy lacks one.
    """
    packed = {name: galaxies[name] for name in ("targetid", "z")}
    for modality in tables.MODALITIES:
        packed[modality] = round_mantissa(galaxies[modality])
        packed[modality][~galaxies[f"has_{modality}"]] = np.nan
    return packed


def round_mantissa(values: np.ndarray) -> np.ndarray:
    """Round to 10 bits of mantissa: the zeros that remain compress well.

    Parameters
    ----------
    values : ndarray, float32

    Returns
    -------
    ndarray, float32
        Within 0.05 % of the values; NaN stays NaN.
    """
    scale, exponent = np.frexp(values)
    step = np.float32(2 ** (MANTISSA_BITS + 1))
    return np.ldexp(np.round(scale * step) / step, exponent)


def _told(parts: list[pd.DataFrame]) -> pd.DataFrame:
    roles = pd.concat(parts or [_role("members", targetid=np.empty(0, np.int64))], ignore_index=True)
    logger.info(
        "%s galaxies in %s roles: %s",
        f"{roles['targetid'].nunique():,}",
        f"{len(roles):,}",
        ", ".join(f"{role} {n}" for role, n in roles["role"].value_counts(sort=False).items()),
    )
    return roles


def _role(
    role: str,
    *,
    targetid: np.ndarray,
    cluster: int = ABSENT,
    cell_x: np.ndarray | int = ABSENT,
    cell_y: np.ndarray | int = ABSENT,
) -> pd.DataFrame:
    columns = (role, cluster, cell_x, cell_y, np.arange(len(targetid)), targetid)
    return pd.DataFrame(dict(zip(tables.ROLE_COLUMNS, columns, strict=True)))
