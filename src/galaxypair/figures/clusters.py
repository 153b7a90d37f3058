"""Clusters: where they lie, how many there are, and what their galaxies have in common."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from galaxypair.figures import projection, style

METHODS = {"kmeans": "k-means", "dbscan": "DBSCAN"}
NAMED_SHARE = 0.01  # smaller clusters are drawn, but not numbered
PROPERTIES = ("z", "log_mstar")


def colour(cluster: int) -> str:
    """Colour of a cluster; grey is noise, and beyond ten clusters colours come round again.

    Parameters
    ----------
    cluster : int

    Returns
    -------
    str
    """
    return style.PALE if cluster < 0 else style.CLUSTER_COLOURS[cluster % len(style.CLUSTER_COLOURS)]


@style.styled
def panels(
    projections: Mapping[str, pd.DataFrame], clusters: Mapping[str, pd.DataFrame], method: str
) -> Figure:
    """Draw the projections coloured and numbered by cluster.

    Parameters
    ----------
    projections : mapping of space to pandas.DataFrame
        `targetid`, `x`, `y`.
    clusters : mapping of space to pandas.DataFrame
        `targetid`, `cluster` (-1 = noise).
    method : {"kmeans", "dbscan"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    joined = {s: projections[s].merge(clusters[s], on="targetid") for s in projections}
    n = pd.concat(joined.values())["targetid"].nunique()
    if n == 0:
        return style.empty("No galaxy was clustered.")
    figure, axes_of = projection.start(joined, f"{style.count(n, 'test galaxies')}, {METHODS[method]}")
    for space, axes in axes_of.items():
        _draw_clusters(axes, joined[space])
    return figure


def _draw_clusters(axes: Axes, rows: pd.DataFrame) -> None:
    rows = rows.sample(frac=1, random_state=0)
    colours = [colour(c) for c in rows["cluster"]]
    axes.scatter(rows["x"], rows["y"], s=projection.marker_size(len(rows)), c=colours, lw=0, rasterized=True)
    found = rows[rows["cluster"] >= 0]
    rim = [withStroke(linewidth=2, foreground="white")]
    for cluster, own in found.groupby("cluster"):
        if len(own) >= NAMED_SHARE * len(rows):
            x, y = own["x"].median(), own["y"].median()
            axes.text(x, y, f"{cluster}", ha="center", va="center", fontweight="bold", path_effects=rim)
    noise = 1 - len(found) / max(len(rows), 1)
    n = found["cluster"].nunique()
    text = f"{n} cluster{'s' if n != 1 else ''}" + (f", {noise:.1%} noise" if noise else "")
    axes.set_xlabel(f"UMAP 1\n{text}")


@style.styled
def scan(scans: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw silhouette and inertia over the number of clusters; the number kept is ringed.

    Parameters
    ----------
    scans : mapping of space to pandas.DataFrame
        `k`, `silhouette`, `inertia`, see `tables`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    drawn = {s: t.sort_values("k") for s, t in scans.items() if t["silhouette"].notna().any()}
    if not drawn:
        return style.empty("Too few galaxies for clusters: no silhouette was computed.")
    ks = sorted({int(k) for t in drawn.values() for k in t["k"]})
    note = f"k-means in {len(drawn)} space{'s' if len(drawn) > 1 else ''}, k = {ks[0]}\N{EN DASH}{ks[-1]}"
    figure = style.new_figure(style.COLUMN_IN, 3.4, note)
    top, bottom = figure.subplots(2, sharex=True)
    for space, table in drawn.items():
        look = {"color": style.MODALITY_COLOURS[space], "marker": "."}
        top.plot(table["k"], table["silhouette"], label=projection.TITLES[space], **look)
        best = table.loc[table["silhouette"].idxmax()]
        top.plot(best["k"], best["silhouette"], "o", ms=8, mfc="none", mec=look["color"])
        relative = table["inertia"] / table["inertia"].iloc[0]
        bottom.plot(table["k"], relative, **look)
        bottom.plot(best["k"], relative[table["k"] == best["k"]], "o", ms=8, mfc="none", mec=look["color"])
    top.set(ylabel="silhouette")
    top.legend(loc="best")
    bottom.set(xlabel="number of clusters k", ylabel=f"inertia / inertia at k = {ks[0]}")
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.align_ylabels()
    return figure


@style.styled
def properties(clusters: pd.DataFrame, catalogue: pd.DataFrame, space: str) -> Figure:
    """Draw the distributions of redshift and, where known, stellar mass in each cluster.

    Parameters
    ----------
    clusters : pandas.DataFrame
        `targetid`, `cluster`.
    catalogue : pandas.DataFrame
        `targetid` and the properties.
    space : {"image", "spectrum", "both"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = clusters[clusters["cluster"] >= 0].merge(
        catalogue.reindex(columns=["targetid", *PROPERTIES]), on="targetid", how="left"
    )
    if rows.empty:
        return style.empty(f"No galaxy was clustered in the {projection.TITLES[space]} space.")
    names = sorted(rows["cluster"].unique())
    note = f"{style.count(len(rows), 'test galaxies')}, k-means in the {projection.TITLES[space]} space"
    shown = [column for column in PROPERTIES if rows[column].notna().any()] or PROPERTIES[:1]
    figure = style.new_figure(style.PAGE_IN * (0.25 + 0.25 * len(shown)), 0.5 + 0.45 * len(names), note)
    grid = figure.subplots(len(names), len(shown), sharex="col", squeeze=False)
    figure.get_layout_engine().set(hspace=0, h_pad=0.01)
    for j, column in enumerate(shown):
        known = rows[column].dropna()
        edges = np.histogram_bin_edges(
            known, 30, np.quantile(known, [0.002, 0.998]) if len(known) else (0, 1)
        )
        for i, name in enumerate(names):
            own = rows[rows["cluster"] == name][column].dropna()
            _draw_distribution(grid[i, j], own, edges, colour(name))
        grid[-1, j].set_xlabel(style.label(column))
    for i, name in enumerate(names):
        grid[i, 0].set_ylabel(
            f"{name}", rotation=0, ha="right", va="center", fontweight="bold", color=colour(name)
        )
    figure.supylabel("share of the cluster", fontsize=8)
    return figure


def _draw_distribution(axes: Axes, values: pd.Series, edges: np.ndarray, tint: str) -> None:
    axes.set(yticks=[], xlim=(edges[0], edges[-1]))
    axes.text(0.985, 0.94, f"n = {len(values):,}", transform=axes.transAxes, ha="right", va="top", fontsize=7)
    if values.empty:
        return
    axes.hist(values, edges, weights=np.full(len(values), 1 / len(values)), color=tint, alpha=0.75)
    axes.axvline(values.median(), color=style.INK, lw=1)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.4)  # room for the count
