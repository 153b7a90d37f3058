"""How much clusters and properties know of each other."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galaxypair import tables
from galaxypair.figures import clusters, projection, style

OFFSET = 0.24  # of the spaces of one property, in rows


@style.styled
def panels(scores: pd.DataFrame) -> Figure:
    """Draw the adjusted mutual information of clusters and properties, a panel for each method.

    Parameters
    ----------
    scores : pandas.DataFrame
        `metrics/ami.csv`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    measured = scores[scores["metric"] == "ami"]
    if measured.empty:
        return style.empty("No property is known of the clustered galaxies.")
    names = list(dict.fromkeys(measured["target"]))
    methods = [m for m in clusters.METHODS if (measured["protocol"] == m).any()]
    spaces = [s for s in tables.SPACES if (measured["query"] == s).any()]
    least, most = measured["n"].min(), measured["n"].max()
    n = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    figure = style.new_figure(style.PAGE_IN, 0.95 + 0.34 * len(names), f"{n} test galaxies")
    grid = figure.subplots(1, len(methods), sharex=True, sharey=True, squeeze=False)[0]
    for axes, method in zip(grid, methods, strict=True):
        for space in spaces:
            own = scores[(scores["protocol"] == method) & (scores["query"] == space)]
            shift = OFFSET * (spaces.index(space) - (len(spaces) - 1) / 2)
            _draw(axes, own, names, shift, space)
        axes.axvline(0, color=style.GREY, lw=0.6, zorder=0)
        axes.set_title(clusters.METHODS[method], pad=18)
    grid[0].set(yticks=range(len(names)), yticklabels=[style.label(name) for name in names])
    grid[0].set_ylim(len(names) - 0.5, -0.5)
    figure.supxlabel("adjusted mutual information", fontsize=8)
    # over the middle panel, below its title; wider than the panel, which must not grow apart for it
    where = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.99), "frameon": False}
    grid[len(grid) // 2].legend(ncols=len(spaces), **where).set_in_layout(False)
    return figure


def _draw(axes: Axes, own: pd.DataFrame, names: list[str], shift: float, space: str) -> None:
    tint = style.MODALITY_COLOURS[space]
    for metric in ("shuffled_ami", "ami"):
        rows = own[own["metric"] == metric]
        y = np.array([names.index(t) for t in rows["target"]]) + shift
        if metric == "shuffled_ami":
            axes.hlines(y, rows["low"], rows["high"], color=style.UNSEEN, lw=3, zorder=1)
        else:
            axes.hlines(y, rows["low"], rows["high"], color=tint, lw=1.2)
            axes.plot(rows["value"], y, "o", ms=3.5, color=tint, label=projection.TITLES[space])
