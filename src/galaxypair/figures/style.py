"""The look that all figures share: sizes, colours, labels, and how they are written."""

import logging
import textwrap
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from galaxypair import io, tables
from galaxypair.errors import DataError

COLUMN_IN = 3.35  # one column of a two-column journal
PAGE_IN = 7.0  # both columns
HEADER_IN = 0.22  # strip above the panels: sample on the left, mark of the mock survey on the right
PRINT_DPI = 300  # of the rasterized parts of a PDF, whatever the dpi of the PNG

# Okabe & Ito (2008): told apart with every common form of colour blindness
MODALITY_COLOURS = {"image": "#0072B2", "spectrum": "#D55E00", "both": "#009E73"}
PAIR_COLOURS = {  # (query, reference)
    ("image", "image"): "#0072B2",
    ("image", "spectrum"): "#56B4E9",
    ("spectrum", "image"): "#E69F00",
    ("spectrum", "spectrum"): "#D55E00",
    ("both", "both"): "#009E73",
}
PAIR_MARKERS = {
    ("image", "image"): "o",
    ("image", "spectrum"): "s",
    ("spectrum", "image"): "D",
    ("spectrum", "spectrum"): "^",
    ("both", "both"): "P",
}
# "muted" of Paul Tol (SRON/EPS/TN/09-002), grey kept back for galaxies without a value
CLUSTER_COLOURS = (
    "#332288", "#C2A83E", "#117733", "#CC6677", "#88CCEE",
    "#882255", "#44AA99", "#AA4499", "#999933", "#661100",
)  # fmt: skip
INK, GREY, PALE = "#222222", "#777777", "#D0D0D0"
UNSEEN = "#A8A8A8"  # what is shown for the eye, but was not compared
MARK = "#B22222"

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "image.origin": "lower",
    "pdf.fonttype": 42,  # letters stay text
    "axes.formatter.use_mathtext": True,
}
styled = mpl.rc_context(STYLE)  # decorator of every function that draws

_FIGURE_NAMES = {"redshift": "z", "stellar_mass": "log_mstar"}


def column(name: str, known: list[str]) -> str:
    """Find the column that a figure's name stands for.

    Parameters
    ----------
    name : str
        "redshift", "stellar_mass" or the name of a column.
    known : list of str
        Columns at hand.

    Returns
    -------
    str

    Raises
    ------
    DataError
        If there is no such column.
    """
    found = _FIGURE_NAMES.get(name, name)
    if found in known or name in _FIGURE_NAMES:  # those two are always asked for, even if none has them
        return found
    raise DataError(
        f"There is no property `{name}` to draw. Known here: {', '.join([*_FIGURE_NAMES, *sorted(known)])}. "
        "A property of your own must be a column of the catalogue and, to be predicted, stand in "
        "`zeroshot.targets`."
    )


def label(name: str) -> str:
    """Give the axis label of a column, with its unit.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        From `tables.LABELS`; the name itself for a property of the user's own.
    """
    return tables.LABELS.get(name, name.replace("_", " "))


def count(n: int, noun: str = "galaxies") -> str:
    """Write a number of galaxies.

    Parameters
    ----------
    n : int
    noun : str, default="galaxies"

    Returns
    -------
    str
        Such as "1,153 galaxies".
    """
    if n == 1 and noun.endswith("galaxies"):
        noun = noun.removesuffix("ies") + "y"
    return f"{n:,} {noun}"


def interval(value: float, low: float, high: float) -> str:
    """Write a value with its interval, to the digit that the interval allows.

    Parameters
    ----------
    value, low, high : float
        NaN limits are left out.

    Returns
    -------
    str
        Such as "0.64 [0.62, 0.66]".
    """
    if not np.isfinite(value):
        return "undefined"
    half = (high - low) / 2
    known = np.isfinite(half) and half > 0
    digits = int(np.clip(-np.floor(np.log10(half)), 2, 5)) if known else 3
    shown = f"z.{digits}f"  # z: no minus before 0.00
    text = f"{value:{shown}}"
    if known:
        text += f" [{low:{shown}}, {high:{shown}}]"
    return text.replace("-", "\N{MINUS SIGN}")


def new_figure(width: float, height: float, note: str, *, fixed: bool = False) -> Figure:
    """Start a figure whose header tells the sample.

    Parameters
    ----------
    width, height : float
        In inches; the header comes on top of `height`.
    note : str
        Sample and its size.
    fixed : bool, default=False
        The caller places all axes itself, with `place`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    total = height + HEADER_IN
    figure = Figure((width, total))
    if not fixed:
        figure.set_layout_engine("constrained", rect=(0, 0, 1, height / total))
    figure.text(0.06 / width, 1 - 0.06 / total, note, va="top", ha="left", fontsize=7, color=GREY)
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes at a place given in inches, counted from the left edge and from below the header.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    left, top, width, height : float

    Returns
    -------
    matplotlib.axes.Axes
    """
    page_width, page_height = figure.get_size_inches()
    bottom = page_height - HEADER_IN - top - height
    return figure.add_axes(
        (left / page_width, bottom / page_height, width / page_width, height / page_height)
    )


def write(figure: Figure, text: str, left: float, top: float, **kwargs: object) -> None:
    """Put text at a place in inches, see `place`.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    text : str
    left, top : float
    **kwargs
        Of `Figure.text`.
    """
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - (HEADER_IN + top) / height, text, **kwargs)


def blank(axes: Axes) -> None:
    """Take ticks and their labels away; leave the frame.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    """
    axes.set(xticks=[], yticks=[])


@styled
def empty(message: str) -> Figure:
    """Draw a figure that says why there is nothing to draw.

    Parameters
    ----------
    message : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(COLUMN_IN, 1.4, "0 galaxies")
    axes = figure.subplots()
    blank(axes)
    text = textwrap.fill(message, 42)
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=GREY)
    return figure


@styled
def save(figure: Figure, pdf: Path, png: Path, *, dpi: int, mock: bool) -> None:
    """Write a figure as PDF and PNG; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    pdf, png : Path
    dpi : int
        Of the PNG.
    mock : bool
        The galaxies are simulated: say so on the figure.
    """
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # else it tells of each table it prunes
    width, height = figure.get_size_inches()
    if mock:
        where = {"x": 1 - 0.06 / width, "y": 1 - 0.06 / height, "va": "top", "ha": "right"}
        figure.text(s="MOCK SURVEY", fontsize=7, fontweight="bold", color=MARK, **where)
    figure.draw_without_rendering()  # panels of a set shape settle only in a second layout
    with io.atomic_path(pdf) as part:
        figure.savefig(part, dpi=max(dpi, PRINT_DPI), metadata={"CreationDate": None})
    with io.atomic_path(png) as part:
        figure.savefig(part, dpi=dpi, metadata={"Software": None})


def caption(axes: Axes, text: str, side: str) -> None:
    """Write on a cutout, in white with a dark rim.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    text : str
    side : {"top", "bottom"}
    """
    axes.annotate(
        text,
        (0, 1 if side == "top" else 0),
        xytext=(2, -2 if side == "top" else 2),
        xycoords="axes fraction",
        textcoords="offset points",
        va=side,
        color="white",
        fontsize=7,
        path_effects=[withStroke(linewidth=1.2, foreground="black")],
    )
