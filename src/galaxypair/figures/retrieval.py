"""Retrieval: the galaxies nearest to a query, by picture."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galaxypair.figures import galaxies, style

MAX_QUERIES, MAX_NEIGHBOURS = 5, 5  # what a page holds at a legible size
MAX_PORTRAITS, PORTRAITS_IN_ROW = 8, 4
GRID_SIDE = 8
GAP_IN, LEFT_IN, SPECTRUM_IN, ROW_GAP_IN = 0.05, 0.06, 0.4, 0.12
HEAD_IN, TITLE_IN = 0.2, 0.2  # above all rows, above one
SMOOTHED_BINS = 25  # 20 Angstrom
NOBODY = "No galaxy of the test split has both an image and a spectrum."
ARROW = " \N{RIGHTWARDS ARROW} "


@dataclass(frozen=True)
class _Row:
    """A query with its neighbours under one pair of modalities, and what is written above."""

    query: str
    reference: str
    found: pd.DataFrame
    title: str = ""

    @property
    def spectra(self) -> bool:
        return "spectrum" in (self.query, self.reference)


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
    rows = neighbours.query(
        "role == 'query' and query == @query and reference == @reference and rank <= @MAX_NEIGHBOURS"
    )
    queries = rows["targetid"].drop_duplicates().head(MAX_QUERIES)
    order = {t: i for i, t in enumerate(queries)}
    rows = rows[rows["targetid"].isin(queries)]
    return rows.sort_values("rank").sort_values("targetid", key=lambda c: c.map(order), kind="stable")


def single(neighbours: pd.DataFrame) -> pd.DataFrame:
    """Pick the nearest neighbours of the single galaxy, of all pairs of modalities.

    Parameters
    ----------
    neighbours : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
    """
    return neighbours.query("role == 'single' and rank <= @MAX_NEIGHBOURS").sort_values("rank")


def single_images(neighbours: pd.DataFrame) -> pd.DataFrame:
    """Pick the images nearest to that of the single galaxy: as many as the grid has room for.

    Parameters
    ----------
    neighbours : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        Sorted by rank.
    """
    return neighbours.query(
        "role == 'single' and query == 'image' and reference == 'image' and rank < @GRID_SIDE ** 2"
    ).sort_values("rank")


def portraits(neighbours: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Pick the queries that are shown by themselves.

    Parameters
    ----------
    neighbours : pandas.DataFrame

    Returns
    -------
    targetid : ndarray of shape (n,), int64
        In the order of the queries.
    total : int
        How many queries there are.
    """
    queries = neighbours.loc[neighbours["role"] == "query", "targetid"].drop_duplicates().to_numpy()
    return queries[:MAX_PORTRAITS], len(queries)


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
        return style.empty(NOBODY)
    lines = [_Row(query, reference, own) for _, own in rows.groupby("targetid", sort=False)]
    queries = style.count(len(lines), "query galaxies")
    note = f"{query} query{ARROW}{reference} references; {queries} of the test split"
    return _draw_rows(lines, gallery, note)


@style.styled
def together(rows: pd.DataFrame, gallery: Mapping[str, np.ndarray]) -> Figure:
    """Draw one galaxy with its nearest neighbours, a row for each pair of modalities.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `single`.
    gallery : mapping of str to ndarray
        At least the galaxies of `rows`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if rows.empty:
        return style.empty(NOBODY)
    pairs = rows.groupby(["query", "reference"])
    lines = [_Row(*pair, own, f"{pair[0]} query{ARROW}{pair[1]} references") for pair, own in pairs]
    return _draw_rows(lines, gallery, f"1 galaxy of the test split: TARGETID {rows['targetid'].iloc[0]}")


@style.styled
def image_grid(rows: pd.DataFrame, gallery: Mapping[str, np.ndarray]) -> Figure:
    """Draw a galaxy and the images nearest to its own, line by line.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `single_images`.
    gallery : mapping of str to ndarray
        At least the galaxies of `rows`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if rows.empty:
        return style.empty(NOBODY)
    target = rows["targetid"].iloc[0]
    side = (style.PAGE_IN - 2 * LEFT_IN + GAP_IN) / GRID_SIDE - GAP_IN
    pitch = side + GAP_IN
    lines = -(-(len(rows) + 1) // GRID_SIDE)
    note = (
        f"image query{ARROW}image references; TARGETID {target} and the nearest {len(rows)} of the test split"
    )
    figure = style.new_figure(style.PAGE_IN, lines * pitch + LEFT_IN, note, fixed=True)
    places = _rows_of(gallery)
    for rank, targetid in enumerate([target, *rows["neighbour"]]):
        line, column = divmod(rank, GRID_SIDE)
        axes = style.place(figure, LEFT_IN + column * pitch, 0.02 + line * pitch, side, side)
        row = places[int(targetid)]
        galaxies.draw_cutout(axes, gallery["image"][row])
        style.caption(axes, galaxies.redshift(gallery["z"][row]), "bottom")
        style.caption(axes, str(rank) if rank else "query", "top")
        if not rank:
            _frame([axes], style.MARK)
    return figure


@style.styled
def query_images(gallery: Mapping[str, np.ndarray], total: int) -> Figure:
    """Draw the query galaxies by themselves: cutout, and spectrum with its lines marked.

    Parameters
    ----------
    gallery : mapping of str to ndarray
        The galaxies of `portraits`, in that order.
    total : int
        How many queries there are.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n = len(gallery["targetid"])
    if n == 0:
        return style.empty(NOBODY)
    side = (style.PAGE_IN - 2 * LEFT_IN + GAP_IN) / PORTRAITS_IN_ROW - GAP_IN
    spectrum_in, title_in = 0.6, 0.18
    pitch = title_in + side + spectrum_in + ROW_GAP_IN
    lines = -(-n // PORTRAITS_IN_ROW)
    note = f"{style.count(total, 'query galaxies')} of the test split" + (
        f", the first {n} shown" if n < total else ""
    )
    figure = style.new_figure(style.PAGE_IN, lines * pitch, note, fixed=True)
    for i in range(n):
        line, column = divmod(i, PORTRAITS_IN_ROW)
        left, top = LEFT_IN + column * (side + GAP_IN), line * pitch + title_in
        style.write(figure, f"TARGETID {gallery['targetid'][i]}", left, top - 0.04, fontsize=6)
        axes = style.place(figure, left, top, side, side)
        galaxies.draw_cutout(axes, gallery["image"][i])
        style.caption(axes, galaxies.redshift(gallery["z"][i]), "bottom")
        style.caption(axes, str(i + 1), "top")
        below = style.place(figure, left, top + side + 0.02, side, spectrum_in)
        galaxies.mark_lines(below, gallery["z"][i], named=False)
        galaxies.draw_spectrum(below, gallery["spectrum"][i], bins=SMOOTHED_BINS, raw=False, colour=style.INK)
        style.blank(below)
    return figure


def _draw_rows(lines: list[_Row], gallery: Mapping[str, np.ndarray], note: str) -> Figure:
    columns = 1 + max(int(line.found["rank"].max()) for line in lines)
    width = style.PAGE_IN - 2 * LEFT_IN - ROW_GAP_IN
    cell = (width + GAP_IN) / (MAX_NEIGHBOURS + 1) - GAP_IN
    heights = [
        cell + (SPECTRUM_IN + 0.02 if line.spectra else 0) + ROW_GAP_IN + (TITLE_IN if line.title else 0)
        for line in lines
    ]
    figure = style.new_figure(style.PAGE_IN, HEAD_IN + sum(heights), note, fixed=True)
    for j in range(columns):
        text = f"rank {j}" if j else "query"
        style.write(
            figure, text, _left(j, cell) + cell / 2, HEAD_IN - 0.04, ha="center", va="bottom", fontsize=8
        )
    top = HEAD_IN
    for line, height in zip(lines, heights, strict=True):
        shift = TITLE_IN if line.title else 0
        if line.title:
            style.write(figure, line.title, LEFT_IN, top + TITLE_IN - 0.04, va="bottom", fontsize=8)
        _draw_row(figure, line, gallery, top + shift, cell)
        top += height
    return figure


def _draw_row(figure: Figure, line: _Row, gallery: Mapping[str, np.ndarray], top: float, cell: float) -> None:
    places = _rows_of(gallery)
    target = line.found["targetid"].iloc[0]
    for rank, targetid, similarity in _cells(target, line.found):
        galaxy = {k: v[places[int(targetid)]] for k, v in gallery.items()}
        compared = line.reference if rank else line.query
        tint = style.INK if compared == "spectrum" else style.UNSEEN
        axes = _draw_cell(figure, (_left(rank, cell), top, cell), galaxy, tint if line.spectra else None)
        if rank:
            style.caption(axes[0], f"cos {similarity:.2f}", "top")
        if rank == 0:
            _frame(axes, style.MARK)
        elif targetid == target:
            _frame(axes, style.MODALITY_COLOURS["both"])


def _cells(target: int, found: pd.DataFrame) -> Iterable[tuple[int, int, float]]:
    yield 0, target, np.nan
    yield from zip(found["rank"], found["neighbour"], found["similarity"], strict=True)


def _left(column: int, cell: float) -> float:
    return LEFT_IN + column * (cell + GAP_IN) + (ROW_GAP_IN if column else 0)


def _draw_cell(
    figure: Figure, place: tuple[float, float, float], galaxy: Mapping[str, np.ndarray], tint: str | None
) -> list[Axes]:
    left, top, cell = place
    panels = [style.place(figure, left, top, cell, cell)]
    galaxies.draw_cutout(panels[0], galaxy["image"])
    style.caption(panels[0], galaxies.redshift(galaxy["z"]), "bottom")
    if tint is not None:
        panels.append(style.place(figure, left, top + cell + 0.02, cell, SPECTRUM_IN))
        galaxies.draw_spectrum(panels[1], galaxy["spectrum"], bins=SMOOTHED_BINS, raw=False, colour=tint)
        style.blank(panels[1])
    return panels


def _frame(panels: list[Axes], colour: str) -> None:
    for panel in panels:
        panel.spines[:].set(color=colour, linewidth=2)


def _rows_of(gallery: Mapping[str, np.ndarray]) -> dict[int, int]:
    return {int(t): i for i, t in enumerate(gallery["targetid"])}
