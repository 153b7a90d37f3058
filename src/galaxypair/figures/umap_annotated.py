"""A map of the embeddings with galaxies and the median spectrum of some clusters around it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

from galaxypair.figures import cluster_spectra, clusters, galaxies, projection, style

MOST = 4  # clusters shown
TILES = 3  # cutouts of each
BLOCK_IN, BLOCK_HIGH_IN, GAP_IN = 1.95, 2.15, 0.08
EDGE_IN, SIDE_IN = 0.05, 0.3  # beside the blocks, towards the page and towards the map
MAP_IN = style.PAGE_IN - 2 * (EDGE_IN + BLOCK_IN + SIDE_IN)
TILE_IN = (BLOCK_IN - (TILES - 1) * 0.03) / TILES


@style.styled
def around(
    plane: pd.DataFrame,
    labels: pd.DataFrame,
    roles: pd.DataFrame,
    shown: Mapping[str, np.ndarray],
    spectra: Mapping[str, np.ndarray],
    *,
    wanted: Sequence[int] | None,
    method: str,
    space: str,
) -> Figure:
    """Draw a projection, and around it what the galaxies of some clusters look like.

    Parameters
    ----------
    plane : pandas.DataFrame
        `targetid`, `x`, `y`.
    labels : pandas.DataFrame
        `targetid`, `cluster` (-1 = noise).
    roles : pandas.DataFrame
        `gallery/clusters_{method}_{space}.parquet`: `targetid`, `cluster`, `order`.
    shown : mapping of str to ndarray
        The galaxies of `roles`, row by row, see `io.read_gallery`.
    spectra : mapping of str to ndarray
        `clusters/median_spectra_{method}_{space}.h5`.
    wanted : sequence of int or None
        Clusters, at most four; those that there are not are left out. None: the largest.
    method : {"kmeans", "dbscan", "hdbscan"}
    space : {"image", "spectrum", "both"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = plane.merge(labels, on="targetid")
    title = f"{clusters.METHODS[method]} in the {projection.TITLES[space]} space"
    places = clusters.anchors(rows)
    drawn = [c for c in (places.index if wanted is None else wanted) if c in places.index][:MOST]
    if not drawn:
        return style.empty(f"None of the clusters wanted is there: {title}.")
    deep = -(-len(drawn) // 2)
    height = max(deep * (BLOCK_HIGH_IN + GAP_IN), MAP_IN + 0.35)
    note = f"{style.count(len(rows), 'test galaxies')}, {title}"
    figure = style.new_figure(style.PAGE_IN, height, note, fixed=True)
    axes = style.place(figure, EDGE_IN + BLOCK_IN + SIDE_IN, (height - MAP_IN - 0.2) / 2, MAP_IN, MAP_IN)
    style.blank(axes)
    clusters.draw(axes, rows)
    axes.set_xlabel("UMAP 1")
    axes.text(-0.02, 0.5, "UMAP 2", transform=axes.transAxes, rotation=90, ha="right", va="center")
    for cluster, (left, top) in _arrange(places.loc[drawn], height).items():
        chosen = roles.reset_index(drop=True).query("cluster == @cluster").sort_values("order")
        size = int((rows["cluster"] == cluster).sum())
        images = shown["image"][chosen.index[:TILES]]
        box = _draw_block(figure, cluster, corner=(left, top), size=size, images=images, spectra=spectra)
        _connect(
            box, axes, places.loc[cluster], at_right=left > style.PAGE_IN / 2, tint=clusters.colour(cluster)
        )
    return figure


def _arrange(places: pd.DataFrame, height: float) -> dict[int, tuple[float, float]]:
    """Give each cluster a block on its side of the map, so that no two lines cross needlessly."""
    by_x = places.sort_values("x").index
    middle = -(-len(by_x) // 2)
    found = {}
    for column, left in ((by_x[:middle], EDGE_IN), (by_x[middle:], style.PAGE_IN - BLOCK_IN - EDGE_IN)):
        ordered = places.loc[column].sort_values("y", ascending=False).index
        pitch = height / max(len(ordered), 1)
        for i, cluster in enumerate(ordered):
            found[int(cluster)] = (left, i * pitch + (pitch - BLOCK_HIGH_IN) / 2)
    return found


def _draw_block(
    figure: Figure,
    cluster: int,
    *,
    corner: tuple[float, float],
    size: int,
    images: np.ndarray,
    spectra: Mapping[str, np.ndarray],
) -> Axes:
    left, top = corner
    tint = clusters.colour(cluster)
    style.write(
        figure, f"{cluster}", left, top + 0.14, va="baseline", color=tint, fontweight="bold", fontsize=9
    )
    style.write(figure, f"n = {size:,}", left + BLOCK_IN, top + 0.14, va="baseline", ha="right", fontsize=7)
    for i, image in enumerate(images):
        tile = style.place(figure, left + i * (TILE_IN + 0.03), top + 0.2, TILE_IN, TILE_IN)
        galaxies.draw_cutout(tile, image)
    box = style.place(figure, left, top + TILE_IN + 0.26, BLOCK_IN, BLOCK_HIGH_IN - TILE_IN - 0.65)
    (row,) = np.flatnonzero(spectra["cluster"] == cluster)
    cluster_spectra.draw_median(box, spectra, row)
    galaxies.mark_lines(box, 0.0, named=False)
    box.set_xticks([4000, 5000, 6000, 7000])
    box.set_xlabel(r"rest wavelength [$\mathrm{\AA}$]", fontsize=7, labelpad=1)
    return box


def _connect(box: Axes, axes: Axes, place: pd.Series, *, at_right: bool, tint: str) -> None:
    line = ConnectionPatch(
        xyA=(0 if at_right else 1, 1), coordsA=box.transAxes, xyB=tuple(place), coordsB=axes.transData,
        color=tint, lw=0.8, shrinkB=5,
    )  # fmt: skip
    box.figure.add_artist(line)
