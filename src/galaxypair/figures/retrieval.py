"""Retrieval: the galaxies nearest to a query, and how often its other half is among them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galaxypair.figures import galaxies, style

MAX_QUERIES, MAX_NEIGHBOURS = 6, 8  # what a page holds at a legible size
GAP_IN, LEFT_IN, SPECTRUM_IN = 0.05, 0.06, 0.34
RECALL = r"(chance_)?recall@(\d+)"


def shown(neighbours: pd.DataFrame, query: str, reference: str) -> pd.DataFrame:
    """Pick the rows of the neighbours table that one retrieval figure shows.

    Parameters
    ----------
    neighbours : pandas.DataFrame
        `metrics/retrieval_neighbours.parquet`, see `tables`.
    query, reference : {"image", "spectrum"}

    Returns
    -------
    pandas.DataFrame
        Sorted by query and rank.
    """
    rows = neighbours.query("query == @query and reference == @reference and rank <= @MAX_NEIGHBOURS")
    queries = rows["targetid"].drop_duplicates().head(MAX_QUERIES)
    order = {t: i for i, t in enumerate(queries)}
    rows = rows[rows["targetid"].isin(queries)]
    return rows.sort_values("rank").sort_values("targetid", key=lambda c: c.map(order), kind="stable")


@style.styled
def grid(rows: pd.DataFrame, gallery: Mapping[str, np.ndarray], query: str, reference: str) -> Figure:
    """Draw each query with its nearest neighbours; the query's own other half is framed.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `shown`.
    gallery : mapping of str to ndarray
        At least the galaxies of `rows`, see `io.read_gallery`.
    query, reference : {"image", "spectrum"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    if rows.empty:
        return style.empty("No galaxy of the test split has both an image and a spectrum.")
    row_of = {int(t): i for i, t in enumerate(gallery["targetid"])}
    queries = list(rows["targetid"].drop_duplicates())
    columns = 1 + int(rows["rank"].max())
    cell = (style.PAGE_IN - 2 * LEFT_IN - 0.12 - columns * GAP_IN) / max(columns, MAX_NEIGHBOURS + 1)
    spectra = "spectrum" in (query, reference)
    compared = {True: query, False: reference}  # of the query, of its neighbours
    pitch = cell + (SPECTRUM_IN + GAP_IN if spectra else 0) + 0.12
    note = f"{query} query \N{RIGHTWARDS ARROW} {reference} references; {len(queries)} queries"
    figure = style.new_figure(style.PAGE_IN, 0.22 + pitch * len(queries), note, fixed=True)
    for j in range(columns):
        left = _left(j, cell)
        text = "query" if j == 0 else f"{j}"
        style.write(figure, text, left + cell / 2, 0.17, ha="center", va="bottom", fontsize=8)
    for i, target in enumerate(queries):
        own = rows[rows["targetid"] == target]
        cells = [(0, target, np.nan)]
        cells += [(r, n, s) for r, n, s in zip(own["rank"], own["neighbour"], own["similarity"], strict=True)]
        for rank, targetid, similarity in cells:
            galaxy = {k: v[row_of[int(targetid)]] for k, v in gallery.items()}
            half = rank > 0 and targetid == target
            place = (_left(rank, cell), 0.2 + i * pitch, cell)
            tint = style.INK if compared[rank == 0] == "spectrum" else style.UNSEEN
            axes = _draw_cell(figure, place, galaxy, tint if spectra else None)
            if rank:
                style.caption(axes[0], f"{similarity:.2f}", "top")
            if half:
                for panel in axes:
                    panel.spines[:].set(color=style.MODALITY_COLOURS["both"], linewidth=2)
    return figure


def _left(column: int, cell: float) -> float:
    return LEFT_IN + column * (cell + GAP_IN) + (0.12 if column else 0)


def _draw_cell(
    figure: Figure, place: tuple[float, float, float], galaxy: Mapping[str, np.ndarray], tint: str | None
) -> list[Axes]:
    left, top, cell = place
    panels = [style.place(figure, left, top, cell, cell)]
    galaxies.draw_cutout(panels[0], galaxy["image"])
    z = galaxy["z"]
    style.caption(panels[0], f"z = {z:.3f}" if np.isfinite(z) else "z unknown", "bottom")
    if tint is not None:
        panels.append(style.place(figure, left, top + cell + 0.02, cell, SPECTRUM_IN))
        galaxies.draw_spectrum(panels[1], galaxy["spectrum"], bins=25, raw=False, colour=tint)
        style.blank(panels[1])
    return panels


@style.styled
def recall(metrics: pd.DataFrame) -> Figure:
    """Draw the share of queries whose other half is among the k nearest, with 68 % intervals.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/retrieval.csv`: metric rows `recall@k` and `chance_recall@k`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    parsed = metrics["metric"].str.extract(f"^{RECALL}$")
    rows = metrics.assign(chance=parsed[0].notna(), k=pd.to_numeric(parsed[1])).dropna(subset=["k", "value"])
    rows = rows[rows["query"] != rows["reference"]].sort_values("k")
    if rows.empty:
        return style.empty("No galaxy of the test split has both an image and a spectrum.")
    note = f"{style.count(int(rows['n'].max()), 'test galaxies')} with both"
    figure = style.new_figure(style.COLUMN_IN, 2.5, note)
    axes = figure.subplots()
    pairs = list(rows[~rows["chance"]].groupby(["query", "reference"]))
    for (query, reference), own in pairs:
        bars = np.clip([own["value"] - own["low"], own["high"] - own["value"]], 0, None)
        colour, marker = style.MODALITY_COLOURS[query], style.PAIR_MARKERS[query, reference]
        text = f"{query} \N{RIGHTWARDS ARROW} {reference}"
        axes.errorbar(own["k"], own["value"], bars, color=colour, marker=marker, capsize=2, label=text)
    chance = rows[rows["chance"]].drop_duplicates("k")
    if not chance.empty:
        axes.plot(chance["k"], chance["value"], color=style.MARK, lw=0.8, ls=":", label="random guess")
    axes.set(xscale="log", yscale="log", xlabel="k", ylabel="recall@k")
    axes.set_ylim(None, 1)
    ticks = sorted(rows["k"].unique())
    axes.set_xticks(ticks, [f"{k:.0f}" for k in ticks])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    axes.legend(loc="best")
    return figure
