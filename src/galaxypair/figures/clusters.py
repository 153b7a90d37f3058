"""Clusters: where they lie, and how many there are."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from galaxypair.figures import projection, style

METHODS = {"kmeans": "k-means", "dbscan": "DBSCAN", "hdbscan": "HDBSCAN"}
NAMED_SHARE = 0.01  # smaller clusters are drawn, but not numbered
LISTED = 15  # clusters of the list
ALONE_IN, LIST_IN = 3.3, 1.45  # side of the map alone, width of the list of clusters beside it


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
    projections: Mapping[str, pd.DataFrame],
    clusters: Mapping[str, pd.DataFrame],
    summaries: Mapping[str, pd.DataFrame],
    method: str,
) -> Figure:
    """Draw the projections coloured and numbered by cluster.

    Parameters
    ----------
    projections : mapping of space to pandas.DataFrame
        `targetid`, `x`, `y`.
    clusters : mapping of space to pandas.DataFrame
        `targetid`, `cluster` (-1 = noise).
    summaries : mapping of space to pandas.DataFrame
        `tables.CLUSTERING_COLUMNS`.
    method : {"kmeans", "dbscan", "hdbscan"}

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
        draw(axes, joined[space])
        axes.set_xlabel(f"UMAP 1\n{summary(joined[space], summaries[space], method)}")
    return figure


@style.styled
def alone(plane: pd.DataFrame, clusters: pd.DataFrame, told: pd.DataFrame, method: str, space: str) -> Figure:
    """Draw one projection with its clusters, and list these with their sizes.

    Parameters
    ----------
    plane : pandas.DataFrame
        `targetid`, `x`, `y`.
    clusters : pandas.DataFrame
        `targetid`, `cluster` (-1 = noise).
    told : pandas.DataFrame
        `tables.CLUSTERING_COLUMNS`.
    method : {"kmeans", "dbscan", "hdbscan"}
    space : {"image", "spectrum", "both"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = plane.merge(clusters, on="targetid")
    if rows.empty:
        return style.empty("No galaxy was clustered.")
    title = f"{METHODS[method]} in the {projection.TITLES[space]} space"
    note = f"{style.count(len(rows), 'test galaxies')}, {title}"
    figure = style.new_figure(ALONE_IN + LIST_IN, ALONE_IN + 0.35, note, fixed=True)
    axes = style.place(figure, 0.2, 0.05, ALONE_IN - 0.25, ALONE_IN - 0.1)
    style.blank(axes)
    draw(axes, rows)
    axes.set(xlabel=f"UMAP 1\n{summary(rows, told, method)}", ylabel="UMAP 2")
    sizes = rows["cluster"].value_counts()
    listed = [c for c in sizes.index[:LISTED] if c >= 0] + ([-1] if -1 in sizes else [])
    for i, cluster in enumerate(listed):
        name = "noise" if cluster < 0 else f"{cluster}"
        text = f"{sizes[cluster]:,} ({sizes[cluster] / len(rows):.1%})"
        look = {"va": "center", "fontsize": 7}
        top = 0.15 + 0.2 * i
        tint = style.GREY if cluster < 0 else colour(cluster)
        style.write(figure, name, ALONE_IN + 0.35, top, ha="right", fontweight="bold", color=tint, **look)
        style.write(figure, text, ALONE_IN + 0.43, top, ha="left", **look)
    left_out = sizes.index[sizes.index >= 0].size - sum(c >= 0 for c in listed)
    if left_out:
        style.write(
            figure, f"and {left_out} more", ALONE_IN + 0.43, 0.15 + 0.2 * len(listed), va="center", fontsize=7
        )
    return figure


def draw(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw points coloured by cluster, and the numbers of the larger clusters.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    rows : pandas.DataFrame
        `targetid`, `x`, `y`, `cluster`.
    """
    mixed = rows.sample(frac=1, random_state=0)
    colours = [colour(c) for c in mixed["cluster"]]
    size = projection.marker_size(len(rows))
    axes.scatter(mixed["x"], mixed["y"], s=size, c=colours, lw=0, rasterized=True)
    rim = [withStroke(linewidth=2, foreground="white")]
    for cluster, (x, y) in anchors(rows).iterrows():
        axes.text(x, y, f"{cluster}", ha="center", va="center", fontweight="bold", path_effects=rim)


def anchors(rows: pd.DataFrame) -> pd.DataFrame:
    """Find a place within each of the larger clusters: its galaxy nearest to the median of all.

    Parameters
    ----------
    rows : pandas.DataFrame
        `x`, `y`, `cluster`.

    Returns
    -------
    pandas.DataFrame
        `x`, `y` by cluster; the median itself may lie outside of a curved one.
    """
    found = {}
    for cluster, own in rows[rows["cluster"] >= 0].groupby("cluster"):
        if len(own) >= NAMED_SHARE * len(rows):
            off = np.hypot(own["x"] - own["x"].median(), own["y"] - own["y"].median())
            found[cluster] = own.loc[off.idxmin(), ["x", "y"]].astype(float)
    return pd.DataFrame.from_dict(found, orient="index", columns=["x", "y"])


def summary(rows: pd.DataFrame, told: pd.DataFrame, method: str) -> str:
    """Say in one line what a method found.

    Parameters
    ----------
    rows : pandas.DataFrame
        `cluster` of the galaxies drawn.
    told : pandas.DataFrame
        `tables.CLUSTERING_COLUMNS`.
    method : {"kmeans", "dbscan", "hdbscan"}

    Returns
    -------
    str
        Such as "5 clusters, 1.2% noise, ε = 0.22".
    """
    n = rows.loc[rows["cluster"] >= 0, "cluster"].nunique()
    noise = np.mean(rows["cluster"] < 0) if len(rows) else 0
    parts = [f"{n} cluster{'s' if n != 1 else ''}", *([f"{noise:.1%} noise"] if noise else [])]
    eps = told.loc[told["method"] == method, "eps"]
    parts += [f"ε = {value:.3g}" for value in eps.dropna()]
    return ", ".join(parts)


@style.styled
def scan(scans: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw silhouette and inertia over the number of clusters; the number kept is ringed.

    Parameters
    ----------
    scans : mapping of space to pandas.DataFrame
        `k`, `silhouette`, `inertia`, `n`, see `tables`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    drawn = {s: t.sort_values("k") for s, t in scans.items() if t["silhouette"].notna().any()}
    if not drawn:
        return style.empty("Too few galaxies for clusters: no silhouette was computed.")
    ks = sorted({int(k) for t in drawn.values() for k in t["k"]})
    counts = sorted({int(n) for t in drawn.values() for n in t["n"]})
    sizes = f"{counts[0]:,}\N{EN DASH}" if len(counts) > 1 else ""
    note = f"{sizes}{style.count(counts[-1], 'test galaxies')}, k-means"
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
    bottom.set(xlabel="number of clusters k", ylabel=f"inertia / inertia at k = {ks[0]}")
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.align_ylabels()
    figure.legend(loc="outside lower center", ncols=len(drawn))
    return figure
