"""What the galaxies of each cluster look like."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from galaxypair.figures import clusters, galaxies, projection, style

MAX_EXAMPLES = 8
LABEL_IN, GAP_IN = 0.72, 0.05


@style.styled
def gallery(
    roles: pd.DataFrame, members: pd.DataFrame, shown: Mapping[str, np.ndarray], method: str, space: str
) -> Figure:
    """Draw cutouts of some galaxies of each cluster.

    Parameters
    ----------
    roles : pandas.DataFrame
        `gallery/clusters_{method}_{space}.parquet`: `cluster`, `order`.
    members : pandas.DataFrame
        `targetid`, `cluster` of all galaxies, for the sizes.
    shown : mapping of str to ndarray
        The galaxies of `roles`, row by row, see `io.read_gallery`.
    method : {"kmeans", "dbscan", "hdbscan"}
    space : {"image", "spectrum", "both"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    title = f"{clusters.METHODS[method]} in the {projection.TITLES[space]} space"
    if roles.empty:
        return style.empty(f"No galaxy is in a cluster: {title}.")
    names = sorted(roles["cluster"].unique())
    cell = (style.PAGE_IN - LABEL_IN - 0.06) / MAX_EXAMPLES - GAP_IN
    pitch = cell + GAP_IN
    note = f"{style.count(len(members), 'test galaxies')}, {title}"
    figure = style.new_figure(style.PAGE_IN, 0.05 + pitch * len(names), note, fixed=True)
    chosen = roles.reset_index(drop=True).sort_values("order")
    sizes = members["cluster"].value_counts()
    for i, name in enumerate(names):
        for j, row in enumerate(chosen.index[chosen["cluster"] == name][:MAX_EXAMPLES]):
            axes = style.place(figure, LABEL_IN + j * pitch, 0.03 + i * pitch, cell, cell)
            galaxies.draw_cutout(axes, shown["image"][row])
            z = shown["z"][row]
            style.caption(axes, f"z = {z:.3f}" if np.isfinite(z) else "z unknown", "bottom")
        name_row(figure, name, f"n = {sizes.get(name, 0):,}", 0.03 + (i + 0.5) * pitch)
    return figure


def name_row(figure: Figure, cluster: int, text: str, middle: float) -> None:
    """Write a cluster's number and a line below it at the left of its row.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    cluster : int
    text : str
    middle : float
        Of the row, in inches from below the header.
    """
    look = {"ha": "center", "color": clusters.colour(cluster)}
    style.write(
        figure, f"{cluster}", LABEL_IN / 2, middle, va="bottom", fontweight="bold", fontsize=11, **look
    )
    style.write(figure, text, LABEL_IN / 2, middle + 0.03, va="top", ha="center", fontsize=7)
