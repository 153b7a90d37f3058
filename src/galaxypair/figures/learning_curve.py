"""Scores of zero-shot regression against the number of labelled galaxies."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from galaxypair.figures import style

COLUMNS = 3  # panels beside each other
LOWEST_R2 = -0.5  # scores further below 0 are not drawn: how bad hardly matters


@style.styled
def panels(table: pd.DataFrame) -> Figure:
    """Draw a panel per target and a line per pair of modalities.

    Parameters
    ----------
    table : pandas.DataFrame
        `tables.LEARNING_COLUMNS`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = table[table["value"].notna()]
    if rows.empty:
        return style.empty("No property could be predicted.")
    targets = list(rows["target"].drop_duplicates())
    counts = rows["n"].astype(int)
    sizes = f"{counts.min():,}\N{EN DASH}" if counts.min() < counts.max() else ""
    n_rows = -(-len(targets) // COLUMNS)
    note = sizes + style.count(counts.max(), "test galaxies")
    figure = style.new_figure(style.PAGE_IN, 1.62 * n_rows + 0.75, note)
    grid = figure.subplots(n_rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes, target in zip(grid.flat, targets, strict=False):
        _panel(axes, rows[rows["target"] == target])
        axes.set_title(style.label(target), fontsize=7)
    for axes in grid.flat[len(targets) :]:
        axes.remove()
    low = max(LOWEST_R2, min(0, (rows["value"] - rows["spread"].fillna(0)).min() - 0.03))
    grid[0, 0].set(xscale="log", ylim=(low, 1.02))
    for row in grid:
        row[0].set_ylabel("$R^2$")
    for j in range(COLUMNS):
        shown = [axes for axes in grid[:, j] if axes.figure is not None]
        if shown:
            _label(shown[-1], rows["labelled"])
    pairs = [pair for pair in style.PAIR_COLOURS if len(_of_pair(rows, pair))]
    figure.legend(
        handles=[_handle(*pair) for pair in pairs], loc="outside lower center", ncols=5,
        title="query \N{RIGHTWARDS ARROW} reference",
    ).get_title().set_fontsize(7)  # fmt: skip
    return figure


def _panel(axes: Axes, rows: pd.DataFrame) -> None:
    for pair, colour in style.PAIR_COLOURS.items():
        own = _of_pair(rows, pair).sort_values("labelled")
        x, value, spread = (own[name].to_numpy() for name in ("labelled", "value", "spread"))
        several = np.isfinite(spread)
        axes.fill_between(
            x[several], (value - spread)[several], (value + spread)[several], color=colour, alpha=0.2, lw=0
        )
        bars = np.clip([value - own["low"], own["high"] - value], 0, None)
        marker = style.PAIR_MARKERS[pair]
        axes.errorbar(x, value, yerr=bars, color=colour, marker=marker, ms=2.6, lw=0.8, elinewidth=0.8)
    axes.axhline(0, color=style.GREY, lw=0.8, ls=":")


def _label(axes: Axes, labelled: pd.Series) -> None:
    axes.tick_params(labelbottom=True)
    axes.set_xlabel("labelled galaxies")
    wide = labelled.max() > 10 * labelled.min()
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _of_pair(rows: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    return rows[(rows["query"] == pair[0]) & (rows["reference"] == pair[1])]


def _handle(query: str, reference: str) -> Line2D:
    pair = query, reference
    return Line2D(
        [], [], lw=0.8, marker=style.PAIR_MARKERS[pair], color=style.PAIR_COLOURS[pair], ms=2.6,
        label=f"{query} \N{RIGHTWARDS ARROW} {reference}",
    )  # fmt: skip
