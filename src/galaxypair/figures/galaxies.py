"""Single galaxies: their cutouts and spectra, and the figure of examples."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galaxypair import rgb, tables
from galaxypair.figures import style

WAVELENGTH = np.linspace(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, tables.N_WAVELENGTH)
# vacuum wavelengths [Angstrom], NIST; blends at their middle. True: seen in emission
LINES = (  # H+K: calcium
    ("[O II]", 3728.5, True),
    ("H+K", 3952.2, False),
    ("H\N{GREEK SMALL LETTER DELTA}", 4102.9, True),
    ("H\N{GREEK SMALL LETTER BETA}", 4862.7, True),
    ("[O III]", 5008.2, True),
    ("Mg b", 5176.6, False),
    ("Na D", 5893.6, False),
    ("H\N{GREEK SMALL LETTER ALPHA}", 6564.6, True),
    ("[S II]", 6725.5, True),
)
FLUX_LABEL = r"flux [$10^{-17}$ erg s$^{-1}$ cm$^{-2}$ $\mathrm{\AA}^{-1}$]"
ROW_IN, LABEL_IN, BOTTOM_IN = 0.8, 0.36, 0.42


def without_gaps(spectrum: np.ndarray) -> np.ndarray:
    """Turn bins without data (exactly 0) into NaN, so that lines break there.

    Parameters
    ----------
    spectrum : ndarray of shape (..., n_bins)

    Returns
    -------
    ndarray of shape (..., n_bins)
    """
    return np.where(spectrum == 0, np.nan, spectrum)


def smooth(spectrum: np.ndarray, bins: int) -> np.ndarray:
    """Take the running mean over the bins that hold data; gaps stay gaps.

    Parameters
    ----------
    spectrum : ndarray of shape (n_bins,)
        NaN where there is no data.
    bins : int
        Width of the window.

    Returns
    -------
    ndarray of shape (n_bins,)
    """
    good = np.isfinite(spectrum)
    window = np.ones(bins)
    weight = np.convolve(good, window, "same")
    total = np.convolve(np.where(good, spectrum, 0), window, "same")
    return np.where(good, total / np.maximum(weight, 1), np.nan)


def redshift(z: float, digits: int = 3) -> str:
    """Write a redshift.

    Parameters
    ----------
    z : float
        NaN where unknown.
    digits : int, default=3

    Returns
    -------
    str
    """
    return f"z = {z:.{digits}f}" if np.isfinite(z) else "z unknown"


def draw_cutout(axes: Axes, image: np.ndarray) -> None:
    """Draw a cutout, north up and east left.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    image : ndarray of shape (x, y, 3) [nanomaggies / pixel]
        NaN throughout if the galaxy has none.
    """
    style.blank(axes)
    if np.isfinite(image).any():
        axes.imshow(rgb.upright(rgb.to_rgb(image)), interpolation="antialiased")
    else:
        draw_absent(axes, "no image")


def draw_spectrum(axes: Axes, spectrum: np.ndarray, *, bins: int, raw: bool, colour: str) -> None:
    """Draw a spectrum in observed wavelength, smoothed for the eye.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    spectrum : ndarray of shape (7781,) [1e-17 erg / s / cm2 / Angstrom]
        NaN throughout if the galaxy has none.
    bins : int
        Width of the running mean.
    raw : bool
        Draw the unsmoothed spectrum beneath.
    colour : str
    """
    flux = without_gaps(spectrum)
    if not np.isfinite(flux).any():
        draw_absent(axes, "no spectrum")
        return
    smoothed = smooth(flux, bins)
    low, high = np.nanquantile(smoothed, [0.002, 0.998])
    peak = min(np.nanmax(smoothed), 1.6 * high)
    if raw:
        axes.plot(WAVELENGTH, flux, color=style.PALE, lw=0.4, rasterized=True, zorder=0)
    axes.plot(WAVELENGTH, smoothed, color=colour, lw=0.6, rasterized=len(axes.figure.axes) > 20)
    axes.set(xlim=(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX), ylim=(min(low, 0), peak * 1.05 + 1e-9))


def draw_absent(axes: Axes, text: str) -> None:
    """Say in a panel what is not there.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    text : str
    """
    style.blank(axes)
    axes.set_facecolor("#F0F0F0")
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=7, color=style.GREY
    )


def mark_lines(axes: Axes, z: float, *, named: bool) -> None:
    """Mark spectral lines at their observed wavelengths.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        In observed wavelength [Angstrom, vacuum].
    z : float
        Nothing is drawn if it is not finite.
    named : bool
        Write the names above the panel.
    """
    for name, rest, emission in LINES:
        at = rest * (1 + z)
        if not tables.WAVELENGTH_MIN < at < tables.WAVELENGTH_MAX:
            continue
        axes.axvline(at, color=style.GREY, lw=0.5, ls="-" if emission else ":", zorder=1)
        if named:
            axes.text(
                at, 1.03, name, transform=axes.get_xaxis_transform(), rotation=90,
                ha="center", va="bottom", fontsize=7, color=style.GREY,
            )  # fmt: skip


@style.styled
def examples(gallery: Mapping[str, np.ndarray]) -> Figure:
    """Draw galaxies as the two encoders meet them: cutout and spectrum side by side.

    Parameters
    ----------
    gallery : mapping of str to ndarray
        `targetid`, `z`, `image` and `spectrum` of the galaxies, see `io.read_gallery`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n = len(gallery["targetid"])
    if n == 0:
        return style.empty("No galaxy to show as an example.")
    pitch = ROW_IN + LABEL_IN
    note = style.count(n, "example galaxies")
    figure = style.new_figure(style.PAGE_IN, n * pitch + BOTTOM_IN, note, fixed=True)
    for i in range(n):
        y = LABEL_IN + i * pitch
        draw_cutout(style.place(figure, 0.06, y, ROW_IN, ROW_IN), gallery["image"][i])
        axes = style.place(figure, 1.42, y, style.PAGE_IN - 1.52, ROW_IN)
        draw_spectrum(axes, gallery["spectrum"][i], bins=9, raw=True, colour=style.INK)
        mark_lines(axes, gallery["z"][i], named=True)
        axes.tick_params(labelbottom=i == n - 1)
        title = redshift(gallery["z"][i], digits=4)
        style.write(figure, title, 0.06, y - 0.05, va="bottom", ha="left", fontsize=8)
    axes.set_xlabel(r"observed wavelength [$\mathrm{\AA}$, vacuum]")
    middle = (LABEL_IN + n * pitch) / 2
    style.write(figure, FLUX_LABEL, 1.02, middle, rotation=90, va="center", ha="center", fontsize=8)
    return figure
