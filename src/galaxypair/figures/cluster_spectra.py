"""What the spectra of each cluster look like at rest."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galaxypair.figures import cluster_gallery, clusters, galaxies, projection, style

NAMES_IN, ROW_IN, BOTTOM_IN = 0.5, 0.85, 0.42
SMOOTH_BINS = 3  # 6 Angstrom at rest
HIGHEST = 5  # times the median flux; stronger lines are cut, or no continuum would be seen


@style.styled
def medians(spectra: Mapping[str, np.ndarray], n: int, method: str, space: str) -> Figure:
    """Draw the median spectrum of each cluster with the range of 68 % of its galaxies.

    Parameters
    ----------
    spectra : mapping of str to ndarray
        `clusters/median_spectra_{method}_{space}.h5`, see `tables`.
    n : int
        Galaxies that were clustered.
    method : {"kmeans", "dbscan", "hdbscan"}
    space : {"image", "spectrum", "both"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    title = f"{clusters.METHODS[method]} in the {projection.TITLES[space]} space"
    names = spectra["cluster"]
    if not len(names):
        return style.empty(f"No galaxy is in a cluster: {title}.")
    used = int(spectra["used"].sum())
    note = f"{style.count(n, 'test galaxies')}, {title}; spectra of {used:,} of them"
    figure = style.new_figure(style.PAGE_IN, NAMES_IN + ROW_IN * len(names) + BOTTOM_IN, note, fixed=True)
    left = cluster_gallery.LABEL_IN
    for i, name in enumerate(names):
        top = NAMES_IN + i * ROW_IN
        axes = style.place(figure, left, top, style.PAGE_IN - left - 0.25, ROW_IN)
        draw_median(axes, spectra, i)
        galaxies.mark_lines(axes, 0.0, named=i == 0)
        axes.tick_params(labelbottom=i == len(names) - 1)
        text = f"{spectra['used'][i]:,} of\n{spectra['size'][i]:,}"
        cluster_gallery.name_row(figure, int(name), text, top + 0.4 * ROW_IN)
    axes.set_xlabel(r"rest wavelength [$\mathrm{\AA}$, vacuum]")
    middle = NAMES_IN + ROW_IN * len(names) / 2
    text = "flux / its median" if len(names) > 1 else "flux /\nits median"
    style.write(figure, text, style.PAGE_IN - 0.13, middle, rotation=90, va="center", ha="center", fontsize=8)
    return figure


def draw_median(axes: Axes, spectra: Mapping[str, np.ndarray], row: int) -> None:
    """Draw the median spectrum of one cluster and the range of its galaxies.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    spectra : mapping of str to ndarray
        See `medians`.
    row : int
        Of the cluster in `spectra`.
    """
    rest = spectra["rest_wavelength"]
    median, low, high = (galaxies.smooth(spectra[k][row], SMOOTH_BINS) for k in ("median", "low", "high"))
    axes.set(xlim=(rest[0], rest[-1]), yticks=[])
    if not np.isfinite(median).any():
        axes.text(0.5, 0.5, "no spectrum with a redshift", transform=axes.transAxes, ha="center", va="center")
        return
    tint = clusters.colour(int(spectra["cluster"][row]))
    axes.fill_between(rest, low, high, color=tint, alpha=0.25, lw=0)
    axes.plot(rest, median, color=tint, lw=0.8)
    bottom = min(0.0, float(np.nanquantile(low, 0.01)))
    axes.set_ylim(bottom, np.clip(np.nanmax(median) * 1.2, 2, HIGHEST))
