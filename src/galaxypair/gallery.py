"""Choose the galaxies that figures show, so that one small file holds all their pixels and spectra."""

import logging
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.cluster import NOISE
from galaxypair.io import Embeddings

logger = logging.getLogger(__name__)

LARGEST_ISLANDS = 10  # DBSCAN clusters shown: more colours can hardly be told apart
MANTISSA_BITS = 10  # of 23: relative precision 0.05 %, finer than a figure or the noise
COLUMNS = ("targetid", "z", "image", "spectrum", "has_image", "has_spectrum")  # that `pack` takes
ABSENT = -1  # in cluster, cell_x, cell_y of roles that have none


def choose(
    properties: pd.DataFrame,
    neighbours: pd.DataFrame,
    embeddings: Embeddings,
    clusters: Mapping[str, pd.DataFrame],
    projections: Mapping[str, pd.DataFrame],
    *,
    examples: int,
    mosaic_cells: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Choose galaxies of the test split for every figure that shows cutouts or spectra.

    Parameters
    ----------
    properties : pandas.DataFrame
        targetid, z and, if known, mag_r.
    neighbours : pandas.DataFrame
        From `retrieval.neighbours`.
    embeddings : Embeddings
    clusters : mapping of str to pandas.DataFrame
        `kmeans_{modality}` and `dbscan_{modality}`: targetid, cluster.
    projections : mapping of str to pandas.DataFrame
        `image` and `spectrum`: targetid, x, y.
    examples : int
        Example galaxies, and members shown of each cluster.
    mosaic_cells : int
        Cells along each side of the mosaic.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.ROLE_COLUMNS`.
    """
    projected = [set(plane["targetid"]) for plane in projections.values()]
    complete = properties[properties["targetid"].isin(set.intersection(*projected))]
    shown = pd.unique(neighbours[["targetid", "neighbour"]].to_numpy().reshape(-1))
    parts = [
        _role("example", targetid=pick_examples(complete, examples, rng)),
        _role("retrieval", targetid=shown),
    ]
    for modality in tables.MODALITIES:
        kmeans, dbscan = clusters[f"kmeans_{modality}"], clusters[f"dbscan_{modality}"]
        distance = centroid_distance(embeddings, modality, kmeans)
        parts += _members(f"kmeans_{modality}", kmeans.iloc[np.argsort(distance, kind="stable")], examples)
        islands = dbscan[dbscan["cluster"] < LARGEST_ISLANDS]
        shuffled = islands.iloc[rng.permutation(len(islands))]
        # islands may be curved: the middle of one is no typical member, so draw at random
        parts += _members(f"dbscan_{modality}", shuffled, examples)
        plane = projections[modality]
        rows, cell_x, cell_y = pick_mosaic(plane[["x", "y"]].to_numpy(), mosaic_cells)
        ids = plane["targetid"].to_numpy()[rows]
        parts.append(_role(f"mosaic_{modality}", targetid=ids, cell_x=cell_x, cell_y=cell_y))
    roles = pd.concat(parts, ignore_index=True)
    logger.info(
        "%s galaxies in %s roles: %s",
        f"{roles['targetid'].nunique():,}",
        f"{len(roles):,}",
        ", ".join(f"{role} {n}" for role, n in roles["role"].value_counts(sort=False).items()),
    )
    return roles


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


def centroid_distance(embeddings: Embeddings, modality: str, clusters: pd.DataFrame) -> np.ndarray:
    """Distance of each galaxy to the mean unit embedding of its cluster.

    Parameters
    ----------
    embeddings : Embeddings
    modality : str
    clusters : pandas.DataFrame
        targetid, cluster.

    Returns
    -------
    ndarray of shape (n,)
        In the order of `clusters`.
    """
    rows = pd.Index(embeddings.targetid).get_indexer(clusters["targetid"])
    vectors = embeddings.unit[modality][rows]
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
    """Turn rows of shards into the arrays of `gallery/gallery.h5`.

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


def _members(role: str, ordered: pd.DataFrame, n: int) -> Iterator[pd.DataFrame]:
    for cluster, members in ordered[ordered["cluster"] != NOISE].groupby("cluster"):
        yield _role(role, targetid=members["targetid"].to_numpy()[:n], cluster=cluster)


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
