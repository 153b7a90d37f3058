"""Cutouts tiled at their place in a projection."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from galaxypair import rgb
from galaxypair.figures import projection, style

TILE_PX = 64  # centre of the cutout that a tile shows: 17 arcsec


@style.styled
def mosaic(
    roles: pd.DataFrame,
    shown: Mapping[str, np.ndarray],
    tiles: int,
    space: str,
    names: tuple[str, str] = projection.UMAP_AXES,
) -> Figure:
    """Tile cutouts over the projection.

    Parameters
    ----------
    roles : pandas.DataFrame
        `gallery/mosaic_{projection}_{space}.parquet`: `cell_x`, `cell_y`.
    shown : mapping of str to ndarray
        The galaxies of `roles`, row by row, see `io.read_gallery`.
    tiles : int
        Cells along each side.
    space : {"image", "spectrum", "both"}
    names : tuple of str
        Of the axes.

    Returns
    -------
    matplotlib.figure.Figure
    """
    title = projection.TITLES[space]
    images = shown["image"]
    seen = np.isfinite(images).any(axis=(1, 2, 3))
    if not seen.any():
        return style.empty(f"No galaxy with an image was projected in the {title} space.")
    side = min(TILE_PX, images.shape[1])
    edge = (images.shape[1] - side) // 2
    colours = rgb.upright(rgb.to_rgb(images[:, edge : edge + side, edge : edge + side]))
    canvas = np.ones((tiles * side, tiles * side, 3), np.float32)
    for tile, x, y, ok in zip(colours, roles["cell_x"], roles["cell_y"], seen, strict=True):
        if ok:
            bottom, left = int(y) * side, int(x) * side
            canvas[bottom : bottom + side, left : left + side] = tile
    note = f"{style.count(int(seen.sum()), 'test galaxies')} in the {title} space"
    figure = style.new_figure(style.PAGE_IN, style.PAGE_IN, note)
    axes = figure.subplots()
    axes.imshow(canvas, interpolation="antialiased")
    style.blank(axes)
    axes.set(xlabel=names[0], ylabel=names[1])
    return figure
