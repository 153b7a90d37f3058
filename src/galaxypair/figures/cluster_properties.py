"""What the galaxies of each cluster have in common: distributions of their properties."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from galaxypair.figures import clusters, projection, style

COLUMNS = 4  # panels side by side
PANEL_IN, NAMES_IN, CLUSTER_IN = 1.6, 0.6, 0.36
MAX_CLUSTERS = 10  # more colours can hardly be told apart
BINS = 30
SHOWN = (0.002, 0.998)  # quantiles of all galaxies between which the bins lie
WHISKERS = (5, 95)  # percentiles


@style.styled
def distributions(labels: pd.DataFrame, values: pd.DataFrame, method: str, space: str) -> Figure:
    """Draw a histogram and a box for each cluster and property.

    Parameters
    ----------
    labels : pandas.DataFrame
        `targetid`, `cluster` (-1 = noise, left out).
    values : pandas.DataFrame
        `targetid` and one column per property.
    method : {"kmeans", "dbscan", "hdbscan"}
    space : {"image", "spectrum", "both"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = labels[(labels["cluster"] >= 0) & (labels["cluster"] < MAX_CLUSTERS)].merge(
        values, on="targetid", how="left"
    )
    shown = [name for name in values.columns.drop("targetid") if rows[name].notna().any()]
    title = f"{clusters.METHODS[method]} in the {projection.TITLES[space]} space"
    if rows.empty or not shown:
        why = "No galaxy is in a cluster" if rows.empty else "No galaxy in a cluster has a known property"
        return style.empty(f"{why}: {title}.")
    names = sorted(rows["cluster"].unique())
    wide, high = min(len(shown), COLUMNS), -(-len(shown) // COLUMNS)
    figure = style.new_figure(
        NAMES_IN + PANEL_IN * max(wide, 2),  # the header needs two panels
        high * (0.6 + CLUSTER_IN * len(names)),
        f"{style.count(len(rows), 'test galaxies')}, {title}",
    )
    grid = figure.subplots(high, wide, sharey=True, squeeze=False)
    for axes, name in zip(grid.flat, shown, strict=False):
        _draw_property(axes, rows.dropna(subset=name), name, names)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    sizes = rows["cluster"].value_counts()
    for axes in grid[:, 0]:
        axes.set_ylim(len(names) - 0.5, -0.7)
        axes.set_yticks(range(len(names)), [f"{c}\n{sizes[c]:,}" for c in names])
        for text, cluster in zip(axes.get_yticklabels(), names, strict=True):
            text.set(color=clusters.colour(cluster), fontweight="bold")
    return figure


def _draw_property(axes: Axes, rows: pd.DataFrame, name: str, names: list[int]) -> None:
    edges = np.histogram_bin_edges(rows[name], BINS, tuple(rows[name].quantile(SHOWN)))
    for i, cluster in enumerate(names):
        own = rows.loc[rows["cluster"] == cluster, name].to_numpy()
        if not len(own):
            continue
        tint = clusters.colour(cluster)
        height, _ = np.histogram(own, edges)
        if height.any():
            axes.stairs(
                i + 0.1 - 0.62 * height / height.max(),
                edges,
                baseline=i + 0.1,
                fill=True,
                color=tint,
                alpha=0.7,
            )
        axes.boxplot(
            own, positions=[i + 0.27], widths=0.16, orientation="horizontal", whis=WHISKERS, showfliers=False,
            manage_ticks=False, boxprops={"lw": 0.7, "color": tint}, whiskerprops={"lw": 0.7, "color": tint},
            capprops={"lw": 0}, medianprops={"lw": 1.2, "color": style.INK},
        )  # fmt: skip
    axes.set_xlabel(style.label(name), fontsize=7)
    axes.set_xlim(edges[0], edges[-1])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_title(f"n = {len(rows):,}", fontsize=7)
