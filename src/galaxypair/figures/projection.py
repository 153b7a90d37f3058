"""The embedding space in a few dimensions, coloured by a property."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from galaxypair import tables
from galaxypair.figures import style

COLOUR_MAPS = {"log_mstar": "magma"}  # the field's habit; viridis for the rest
UMAP_AXES = ("UMAP 1", "UMAP 2")
MOST_CATEGORIES = 9  # of a property that is no number; more colours can hardly be told apart
OTHER = "other"
LOG_SPAN = 300  # 99th over 1st percentile of positive values above which their scale is logarithmic
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
        axes.set(xlabel=UMAP_AXES[0], ylabel=UMAP_AXES[1] if axes is grid[0] else "", box_aspect=1)
        axes.set_title(f"{TITLES[space]} (n = {len(projections[space]):,})")
        style.blank(axes)
    return figure, panels


def component_names(variance: pd.DataFrame) -> list[str]:
    """Name the principal components with the share of the variance that each explains.

    Parameters
    ----------
    variance : pandas.DataFrame
        `component`, `explained_variance_ratio`.

    Returns
    -------
    list of str
        Such as "PC 1 (31 %)".
    """
    shares = zip(variance["component"], variance["explained_variance_ratio"], strict=True)
    return [f"PC {i} ({100 * share:.2g} %)" for i, share in shares]


@dataclass(frozen=True)
class Colouring:
    """How values become colours, the same in each panel.

    Attributes
    ----------
    categories : dict of str to str
        Name -> colour; empty for numbers.
    norm : matplotlib.colors.Normalize
    colour_map : str
    """

    categories: dict[str, str]
    norm: Normalize
    colour_map: str


def colouring(values: pd.Series, column: str) -> Colouring:
    """Choose colours for a property.

    Parameters
    ----------
    values : pandas.Series
        Of all galaxies shown; unknown ones are left out. True and false, texts and whole numbers of few
        kinds are categories, the rarest of many one together. Positive numbers over many decades are
        drawn on a logarithmic scale.
    column : str

    Returns
    -------
    Colouring
    """
    known = values.dropna()
    kinds = known.astype(str).value_counts()
    if known.dtype.kind not in "iuf" or (known.dtype.kind in "iu" and len(kinds) <= MOST_CATEGORIES):
        shown = sorted(kinds.index[:MOST_CATEGORIES])
        colours = dict(zip(shown, style.CLUSTER_COLOURS, strict=False))
        if len(kinds) == 2:  # the rarer one dark: it must be seen among the others
            colours = dict(sorted(zip(kinds.index, ("#88CCEE", "#882255"), strict=True)))
        rest = {OTHER: style.GREY} if len(kinds) > MOST_CATEGORIES else {}
        return Colouring(colours | rest, Normalize(), "viridis")
    low, high = np.quantile(known.astype(float), [0.01, 0.99]) if len(known) else (0, 1)
    wide = len(known) > 0 and known.min() > 0 and high > LOG_SPAN * low
    norm = LogNorm(low, high) if wide else Normalize(low, high)
    return Colouring({}, norm, COLOUR_MAPS.get(column, "viridis"))


def draw_coloured(axes: Axes, rows: pd.DataFrame, names: tuple[str, str], how: Colouring) -> None:
    """Draw points coloured by a property; those without it are grey.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    rows : pandas.DataFrame
        `value` and the two columns of `names`.
    names : tuple of str
        Columns with the places.
    how : Colouring
    """
    rows = rows.sample(frac=1, random_state=0)  # no property on top of another
    grey, shown = rows[rows["value"].isna()], rows[rows["value"].notna()]
    look = {"s": marker_size(len(rows)), "lw": 0, "rasterized": True}
    axes.scatter(*(grey[name] for name in names), color=style.PALE, **look)
    if how.categories:
        texts = shown["value"].astype(str)
        tints = [how.categories.get(text, how.categories.get(OTHER)) for text in texts]
        axes.scatter(*(shown[name] for name in names), c=tints, **look)
    else:
        values = shown["value"].astype(float)
        axes.scatter(*(shown[name] for name in names), c=values, norm=how.norm, cmap=how.colour_map, **look)


def add_key(figure: Figure, axes: Axes, how: Colouring, column: str) -> None:
    """Add the colour bar, or the list of categories, beside a panel.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    axes : matplotlib.axes.Axes
    how : Colouring
    column : str
    """
    if how.categories:
        dots = [Line2D([], [], marker="o", ls="", ms=4, color=tint) for tint in how.categories.values()]
        axes.legend(
            dots, how.categories, title=style.label(column), loc="center left", bbox_to_anchor=(1.02, 0.5)
        )
        return
    place = axes.inset_axes((1.04, 0, 0.05, 1))
    mapped = ScalarMappable(how.norm, how.colour_map)
    bar = figure.colorbar(mapped, cax=place, extend="both", label=style.label(column))
    bar.solids.set_rasterized(True)


def with_derived(properties: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """Add derived properties to the columns of the catalogue.

    Parameters
    ----------
    properties : pandas.DataFrame
        `crossmatch/properties.parquet`.
    values : pandas.DataFrame
        `clusters/properties.parquet`: the test galaxies.

    Returns
    -------
    pandas.DataFrame
        Rows of `properties`.
    """
    new = values.columns.difference(properties.columns)
    return properties.merge(values[["targetid", *new]], on="targetid", how="left")


def with_values(
    projections: Mapping[str, pd.DataFrame], properties: pd.DataFrame, column: str
) -> tuple[dict[str, pd.DataFrame], pd.Series, str]:
    """Give each projected galaxy its value of a property.

    Parameters
    ----------
    projections : mapping of space to pandas.DataFrame
        `targetid` and places.
    properties : pandas.DataFrame
        `targetid` and, if any galaxy has it, `column`.
    column : str

    Returns
    -------
    joined : dict of space to pandas.DataFrame
        `value` added, missing where unknown.
    values : pandas.Series
        Of all galaxies, each once.
    note : str
        Of the header.
    """
    own = properties.drop_duplicates("targetid").set_index("targetid")
    own = own[column] if column in own else pd.Series(dtype=float)
    joined = {s: p.assign(value=own.reindex(p["targetid"]).to_numpy()) for s, p in projections.items()}
    ids = pd.unique(pd.concat([p["targetid"] for p in projections.values()]))
    # of the property's own type: whole numbers become fractions where a galaxy lacks them
    values = own[own.index.isin(ids)]
    known = values.notna().sum()
    note = f"{style.count(len(ids), 'test galaxies')}, {known:,} of them with {style.label(column)}"
    return joined, values, note


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
    if all(plane.empty for plane in projections.values()):
        return style.empty("No galaxy was projected.")
    joined, values, note = with_values(projections, properties, column)
    figure, panels = start(joined, note)
    how = colouring(values, column)
    for space, axes in panels.items():
        draw_coloured(axes, joined[space], ("x", "y"), how)
    if values.notna().any():
        add_key(figure, axes, how, column)
    return figure


@style.styled
def components(
    planes: Mapping[str, pd.DataFrame],
    variances: Mapping[str, pd.DataFrame],
    properties: pd.DataFrame,
    column: str,
) -> Figure:
    """Draw the principal components of each space, the second two below the first, coloured by a property.

    Parameters
    ----------
    planes : mapping of space to pandas.DataFrame
        `targetid`, `x`, `y`, `pc3`, `pc4`.
    variances : mapping of space to pandas.DataFrame
        `component`, `explained_variance_ratio`.
    properties : pandas.DataFrame
        `targetid` and, if any galaxy has it, `column`.
    column : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    if all(plane.empty for plane in planes.values()):
        return style.empty("No galaxy was projected.")
    joined, values, note = with_values(planes, properties, column)
    width = style.PAGE_IN * max(len(planes), 2) / len(tables.SPACES)
    figure = style.new_figure(width, 4.9, note)
    grid = figure.subplots(2, len(planes), squeeze=False)
    how = colouring(values, column)
    for j, (space, rows) in enumerate(joined.items()):
        names = component_names(variances[space])
        for axes, pair, labels in zip(
            grid[:, j], (("x", "y"), ("pc3", "pc4")), (names[:2], names[2:]), strict=True
        ):
            draw_coloured(axes, rows, pair, how)
            axes.set(xlabel=labels[0], ylabel=labels[1], box_aspect=1)
            style.blank(axes)
        grid[0, j].set_title(f"{TITLES[space]} (n = {len(rows):,})")
    if values.notna().any():
        add_key(figure, grid[0, -1], how, column)
    return figure
