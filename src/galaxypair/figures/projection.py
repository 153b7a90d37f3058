"""The embedding space in two dimensions, coloured by a property."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galaxypair import tables
from galaxypair.figures import style

COLOUR_MAPS = {"log_mstar": "magma"}  # the field's habit; viridis for the rest
TITLES = {"image": "image", "spectrum": "spectrum", "both": "image + spectrum"}


def marker_size(n: int) -> float:
    """Area of a point that keeps `n` points apart as far as the panel allows.

    Parameters
    ----------
    n : int

    Returns
    -------
    float
        In points squared.
    """
    return float(np.clip(4000 / max(n, 1), 0.3, 12))


def start(projections: Mapping[str, pd.DataFrame], note: str) -> tuple[Figure, dict[str, Axes]]:
    """Start a figure with one panel per embedding space.

    Parameters
    ----------
    projections : mapping of space to pandas.DataFrame
    note : str
        Of the header.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : dict of space to matplotlib.axes.Axes
    """
    width = style.PAGE_IN * max(len(projections), 2) / len(tables.SPACES)  # the header needs two panels
    figure = style.new_figure(width, 2.55, note)
    grid = figure.subplots(1, len(projections), squeeze=False)[0]
    panels = dict(zip(projections, grid, strict=True))
    for space, axes in panels.items():
        axes.set(xlabel="UMAP 1", ylabel="UMAP 2" if axes is grid[0] else "", box_aspect=1)
        axes.set_title(f"{TITLES[space]} (n = {len(projections[space]):,})")
        style.blank(axes)
    return figure, panels


@style.styled
def coloured(projections: Mapping[str, pd.DataFrame], properties: pd.DataFrame, column: str) -> Figure:
    """Draw the projections coloured by one property; galaxies without it are grey.

    Parameters
    ----------
    projections : mapping of space to pandas.DataFrame
        `targetid`, `x`, `y`.
    properties : pandas.DataFrame
        `targetid` and, if any galaxy has it, `column`.
    column : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    values = properties.drop_duplicates("targetid").set_index("targetid")
    values = values[column] if column in values else pd.Series(dtype=float)
    joined = {s: p.assign(value=p["targetid"].map(values).astype(float)) for s, p in projections.items()}
    ids = pd.concat(joined.values()).drop_duplicates("targetid")
    known = ids["value"].dropna()
    if ids.empty:
        return style.empty("No galaxy was projected.")
    note = f"{style.count(len(ids), 'test galaxies')}, {len(known):,} of them with {style.label(column)}"
    figure, panels = start(joined, note)
    limits = np.quantile(known, [0.01, 0.99]) if len(known) else (0, 1)
    for space, axes in panels.items():
        rows = joined[space].sample(frac=1, random_state=0)  # no property on top of another
        grey, shown = rows[rows["value"].isna()], rows[rows["value"].notna()]
        size = marker_size(len(rows))
        axes.scatter(grey["x"], grey["y"], s=size, color=style.PALE, lw=0, rasterized=True)
        dots = axes.scatter(
            shown["x"], shown["y"], s=size, c=shown["value"], vmin=limits[0], vmax=limits[1],
            cmap=COLOUR_MAPS.get(column, "viridis"), lw=0, rasterized=True,
        )  # fmt: skip
    if len(known):
        place = axes.inset_axes((1.04, 0, 0.05, 1))
        bar = figure.colorbar(dots, cax=place, extend="both", label=style.label(column))
        bar.solids.set_rasterized(True)
    return figure
