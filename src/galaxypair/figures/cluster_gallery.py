"""What the galaxies of each k-means cluster look like."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galaxypair.figures import clusters, galaxies, projection, style

MAX_EXAMPLES = 8
LABEL_IN, GAP_IN = 0.72, 0.05
SPECTRUM_IN = 0.85
REST = np.linspace(3000, 8000, 2501)  # Angstrom; where galaxies at z < 0.8 overlap
SMOOTH_BINS = 9
HIGHEST = 5  # times the median flux; stronger lines are cut, or no continuum would be seen


@style.styled
def gallery(
    roles: pd.DataFrame, members: pd.DataFrame, shown: Mapping[str, np.ndarray], space: str
) -> Figure:
    """Draw examples of each cluster: cutouts, or rest-frame spectra with their median.

    Parameters
    ----------
    roles : pandas.DataFrame
        Rows of `gallery/roles.parquet` with the role `kmeans_{space}`.
    members : pandas.DataFrame
        `targetid`, `cluster` of all galaxies, for the sizes.
    shown : mapping of str to ndarray
        The galaxies of `roles`, row by row, see `io.read_gallery`.
    space : {"image", "spectrum"}
        Spectra are drawn for "spectrum", cutouts otherwise.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if roles.empty:
        return style.empty(f"No galaxy was clustered in the {projection.TITLES[space]} space.")
    names = sorted(roles["cluster"].unique())
    note = f"{style.count(len(members), 'test galaxies')}, k-means in the {projection.TITLES[space]} space"
    chosen = roles.reset_index(drop=True).sort_values("order")
    rows_of = {c: chosen.index[chosen["cluster"] == c][:MAX_EXAMPLES] for c in names}
    sizes = members["cluster"].value_counts()
    if space == "spectrum":
        figure = _spectra(rows_of, shown, note)
        pitch, top = SPECTRUM_IN, 0.5
    else:
        figure, pitch = _cutouts(rows_of, shown, note)
        top = 0.03
    for i, name in enumerate(names):
        middle = top + (i + 0.5) * pitch
        look = {"ha": "center", "color": clusters.colour(name)}
        style.write(
            figure, f"{name}", LABEL_IN / 2, middle, va="bottom", fontweight="bold", fontsize=11, **look
        )
        text = f"n = {sizes.get(name, 0):,}"
        style.write(figure, text, LABEL_IN / 2, middle + 0.03, va="top", ha="center", fontsize=7)
    return figure


def _cutouts(rows_of: Mapping[int, pd.Index], shown: Mapping, note: str) -> tuple[Figure, float]:
    cell = (style.PAGE_IN - LABEL_IN - 0.06) / MAX_EXAMPLES - GAP_IN
    pitch = cell + GAP_IN
    figure = style.new_figure(style.PAGE_IN, 0.05 + pitch * len(rows_of), note, fixed=True)
    for i, rows in enumerate(rows_of.values()):
        for j, row in enumerate(rows):
            axes = style.place(figure, LABEL_IN + j * pitch, 0.03 + i * pitch, cell, cell)
            galaxies.draw_cutout(axes, shown["image"][row])
            z = shown["z"][row]
            style.caption(axes, f"z = {z:.3f}" if np.isfinite(z) else "z unknown", "bottom")
    return figure, pitch


def _spectra(rows_of: Mapping[int, pd.Index], shown: Mapping, note: str) -> Figure:
    height = 0.5 + SPECTRUM_IN * len(rows_of) + 0.42
    figure = style.new_figure(style.PAGE_IN, height, note, fixed=True)
    for i, (name, rows) in enumerate(rows_of.items()):
        top = 0.5 + i * SPECTRUM_IN
        axes = style.place(figure, LABEL_IN, top, style.PAGE_IN - LABEL_IN - 0.25, SPECTRUM_IN)
        _draw_rest_spectra(axes, shown["spectrum"][rows], shown["z"][rows], clusters.colour(name))
        galaxies.mark_lines(axes, 0.0, named=i == 0)
        axes.set(xlim=(REST[0], REST[-1]), yticks=[])
        axes.tick_params(labelbottom=i == len(rows_of) - 1)
    axes.set_xlabel(r"rest wavelength [$\mathrm{\AA}$, vacuum]")
    return figure


def rest_spectrum(spectrum: np.ndarray, z: float) -> np.ndarray:
    """Shift a spectrum to rest and divide it by its median, to compare shapes.

    Parameters
    ----------
    spectrum : ndarray of shape (7781,)
    z : float

    Returns
    -------
    ndarray of shape (2501,)
        On `REST`, NaN outside the observed range and in gaps; all NaN if z is unknown.
    """
    flux = galaxies.smooth(galaxies.without_gaps(spectrum), SMOOTH_BINS)
    level = np.nanmedian(flux) if np.isfinite(flux).any() and np.isfinite(z) else np.nan
    if not level > 0:
        return np.full(REST.shape, np.nan)
    return np.interp(REST * (1 + z), galaxies.WAVELENGTH, flux, left=np.nan, right=np.nan) / level


def _draw_rest_spectra(axes: Axes, spectra: np.ndarray, z: np.ndarray, tint: str) -> None:
    rest = np.array([rest_spectrum(s, float(v)) for s, v in zip(spectra, z, strict=True)])
    rest = rest[np.isfinite(rest).any(axis=1)]
    if len(rest) == 0:
        axes.text(0.5, 0.5, "no spectrum with a redshift", transform=axes.transAxes, ha="center", va="center")
        return
    for flux in rest:
        axes.plot(REST, flux, color=style.GREY, lw=0.3, alpha=0.5, rasterized=True)
    covered = np.isfinite(rest).sum(axis=0) >= max(1, len(rest) / 2)
    median = np.full(REST.shape, np.nan)
    median[covered] = np.nanmedian(rest[:, covered], axis=0)
    axes.plot(REST, median, color=tint, lw=1)
    finite = rest[np.isfinite(rest)]
    axes.set_ylim(min(0, np.quantile(finite, 0.005)), np.clip(np.nanmax(median) * 1.15, 2, HIGHEST))
