"""Retrieved spectra over the query's own, on the wavelength axis of the survey."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from galaxypair import tables
from galaxypair.errors import ConfigError
from galaxypair.figures import galaxies, style

SHOWN = 3
SMOOTHED_BINS = 25  # 20 Angstrom
PANEL_IN, GAP_IN, LABEL_IN, BOTTOM_IN = 1.1, 0.06, 0.5, 0.4
QUERY_IN, LEFT_IN, RIGHT_IN = 1.1, 1.62, 0.06
QUERY, FOUND = style.INK, style.MODALITY_COLOURS["spectrum"]


def shown(neighbours: pd.DataFrame, query: str, reference: str, number: int) -> pd.DataFrame:
    """Pick the nearest neighbours of one query.

    Parameters
    ----------
    neighbours : pandas.DataFrame
        `metrics/retrieval_neighbours.parquet`, see `tables`.
    query, reference : {"image", "spectrum"}
    number : int
        Of the query, counted from 1.

    Returns
    -------
    pandas.DataFrame
        Sorted by rank.

    Raises
    ------
    ConfigError
        If there are not so many queries.
    """
    rows = neighbours.query(
        "role == 'query' and query == @query and reference == @reference and rank <= @SHOWN"
    )
    queries = rows["targetid"].drop_duplicates().to_numpy()
    if not 1 <= number <= len(queries):
        raise ConfigError(
            f"There is no query number {number} to draw: `retrieval.queries` and `retrieval.query_rows` give "
            f"{len(queries)} in this run. Ask for a figure from 1 to {len(queries)}, or for more queries."
        )
    return rows[rows["targetid"] == queries[number - 1]].sort_values("rank")


@style.styled
def overlay(rows: pd.DataFrame, gallery: Mapping[str, np.ndarray], query: str, reference: str) -> Figure:
    """Draw the spectra of a query's neighbours over its own, in observed wavelength.

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

    Notes
    -----
    The reproduction of AstroCLIP, and AstroCLIP's own notebooks, draw spectra on
    `linspace(3586.74, 10372.9)`, which moves every line; here they lie on the grid of the survey,
    3600 to 9824 Angstrom in steps of 0.8.
    """
    target = int(rows["targetid"].iloc[0])
    row_of = {int(t): i for i, t in enumerate(gallery["targetid"])}
    own = {k: v[row_of[target]] for k, v in gallery.items()}
    note = f"{query} query \N{RIGHTWARDS ARROW} {reference} references; TARGETID {target}"
    height = LABEL_IN + len(rows) * (PANEL_IN + GAP_IN) - GAP_IN + BOTTOM_IN
    figure = style.new_figure(style.PAGE_IN, height, note, fixed=True)
    _draw_query(figure, own)
    width = style.PAGE_IN - LEFT_IN - PANEL_IN - GAP_IN - RIGHT_IN
    for i, found in enumerate(rows.itertuples()):
        top = LABEL_IN + i * (PANEL_IN + GAP_IN)
        other = {k: v[row_of[int(found.neighbour)]] for k, v in gallery.items()}
        axes = style.place(figure, LEFT_IN, top, width, PANEL_IN)
        _draw_spectra(axes, own["spectrum"], other["spectrum"])
        galaxies.mark_lines(axes, float(own["z"]), named=i == 0)
        axes.tick_params(labelbottom=i == len(rows) - 1)
        image = style.place(figure, LEFT_IN + width + GAP_IN, top, PANEL_IN, PANEL_IN)
        galaxies.draw_cutout(image, other["image"])
        style.caption(image, f"rank {found.rank}   cos {found.similarity:.2f}", "top")
        style.caption(image, galaxies.redshift(other["z"]), "bottom")
        if found.neighbour == target:
            image.spines[:].set(color=style.MODALITY_COLOURS["both"], linewidth=2)
    axes.set_xlabel(r"observed wavelength [$\mathrm{\AA}$, vacuum]")
    middle = LABEL_IN + (height - LABEL_IN - BOTTOM_IN) / 2
    style.write(
        figure, "flux / its median", LEFT_IN - 0.38, middle, rotation=90, va="center", ha="center", fontsize=8
    )
    return figure


def _draw_query(figure: Figure, own: Mapping[str, np.ndarray]) -> None:
    image = style.place(figure, 0.06, LABEL_IN, QUERY_IN, QUERY_IN)
    galaxies.draw_cutout(image, own["image"])
    style.caption(image, "query", "top")
    style.caption(image, galaxies.redshift(own["z"]), "bottom")
    image.spines[:].set(color=style.MARK, linewidth=2)
    top = LABEL_IN + QUERY_IN + 0.16
    for text, colour in (("\N{EM DASH} query", QUERY), ("\N{EM DASH} neighbour", FOUND)):
        style.write(figure, text, 0.06, top, va="center", fontsize=8, color=colour)
        top += 0.16


def _draw_spectra(axes: Axes, query: np.ndarray, neighbour: np.ndarray) -> None:
    axes.set_xlim(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX)
    drawn = []
    for spectrum, colour, name in ((query, QUERY, "query"), (neighbour, FOUND, "neighbour")):
        flux = over_median(spectrum)
        if np.isfinite(flux).any():
            drawn.append(galaxies.smooth(flux, SMOOTHED_BINS))
            axes.plot(galaxies.WAVELENGTH, drawn[-1], color=colour, lw=0.8, alpha=0.9, label=name)
    if not drawn:
        galaxies.draw_absent(axes, "no spectrum")
        return
    low = min(0, *(np.nanquantile(flux, 0.002) for flux in drawn))
    high = max(min(np.nanmax(flux), 1.6 * np.nanquantile(flux, 0.998)) for flux in drawn)
    axes.set_ylim(low, high * 1.05 + 1e-9)
    axes.yaxis.set_major_locator(MaxNLocator(4, prune="both"))  # labels at the edges meet the next panel's


def over_median(spectrum: np.ndarray) -> np.ndarray:
    """Divide a spectrum by its median, so that shapes compare whatever the brightness.

    Parameters
    ----------
    spectrum : ndarray of shape (7781,) [1e-17 erg / s / cm2 / Angstrom]
        Exactly 0, or NaN, where there is no data.

    Returns
    -------
    ndarray of shape (7781,)
        NaN where there is no data. Where the median is not above zero (noise alone), that of the
        absolute flux is taken.
    """
    flux = galaxies.without_gaps(spectrum)
    if not np.isfinite(flux).any():
        return flux
    scale = np.nanmedian(flux)
    return flux / (scale if scale > 0 else np.nanmedian(np.abs(flux)))
