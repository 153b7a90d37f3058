"""Scores of zero-shot regression in bins of a property."""

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from galaxypair.figures import style

METRICS = {"r2": "$R^2$", "nmad": "NMAD", "bias": "bias", "outlier_fraction": "outliers"}
LOWEST_R2 = -0.5  # scores further below 0 are drawn here, as arrows: how bad hardly matters
ASIDE = 0.013  # of the axis, between the pairs of modalities, which share the bins
WIDE = 8  # an axis whose bins span more than this factor is logarithmic


@style.styled
def panels(table: pd.DataFrame, name: str) -> Figure:
    """Draw a row of panels per target and a column per metric.

    Parameters
    ----------
    table : pandas.DataFrame
        `tables.BIN_COLUMNS`.
    name : str
        Property.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = table[table["property"] == name]
    if rows["value"].isna().all():
        known = "No bin of it holds enough test galaxies" if len(rows) else "No test galaxy has the property"
        return style.empty(f"{known}: {style.label(name)}.")
    rows = _placed(rows)
    targets = list(rows.loc[rows["value"].notna(), "target"].drop_duplicates())
    counts = rows.loc[rows["value"].notna(), "n"].astype(int)
    small = int(rows["value"].isna().where(rows["metric"] == "nmad", False).sum())
    fewest = f"{counts.min():,}\N{EN DASH}" if counts.min() < counts.max() else ""
    note = f"{fewest}{style.count(counts.max(), 'test galaxies')} per bin"
    if small:
        note += f"; {small} bins of too few galaxies are left out"
    height = 0.3 + 1.12 * len(targets) + 0.42
    figure = style.new_figure(style.PAGE_IN, height, note)
    grid = figure.subplots(len(targets), len(METRICS), sharex=True, squeeze=False)
    for target, row in zip(targets, grid, strict=True):
        for axes, metric in zip(row, METRICS, strict=True):
            _panel(axes, rows[(rows["target"] == target) & (rows["metric"] == metric)], metric)
        row[0].set_ylabel(re.sub(r"(?<!\\) \[", "\n[", style.label(target)), fontsize=7)
    for axes, title in zip(grid[0], METRICS.values(), strict=True):
        axes.set_title(title)
    _scale(grid[-1], rows["bin_median"])
    for axes in grid[-1]:
        axes.set_xlabel(style.label(name), fontsize=7)
    shown = rows.loc[rows["value"].notna(), ["query", "reference"]].drop_duplicates()
    pairs = [pair for pair in style.PAIR_COLOURS if pair in set(shown.itertuples(index=False, name=None))]
    figure.legend(
        handles=[_handle(*pair) for pair in pairs], loc="outside lower center", ncols=5,
        title="query \N{RIGHTWARDS ARROW} reference",
    ).get_title().set_fontsize(7)  # fmt: skip
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, metric: str) -> None:
    for j, pair in enumerate(style.PAIR_COLOURS):
        own = rows[(rows["query"] == pair[0]) & (rows["reference"] == pair[1])]
        if own.empty:
            continue
        look = {"color": style.PAIR_COLOURS[pair], "ms": 3}
        value, x = own["value"].to_numpy(), own[f"x{j}"].to_numpy()
        off = (metric == "r2") & (value < LOWEST_R2)
        bars = np.where(off, 0, np.clip([value - own["low"], own["high"] - value], 0, None))
        seen, marker = np.where(off, np.nan, value), style.PAIR_MARKERS[pair]
        axes.errorbar(x, seen, yerr=bars, marker=marker, lw=0.7, elinewidth=0.8, **look)
        axes.plot(x[off], np.full(off.sum(), LOWEST_R2), ls="none", marker="v", **look)
    if metric in ("r2", "bias"):
        axes.axhline(0, color=style.GREY, lw=0.8, ls=":")
    low, high = axes.get_ylim()
    if metric == "r2":
        axes.set_ylim(max(low, LOWEST_R2 - 0.08), 1.05)
    elif metric != "bias":
        high = max(high, 0.01)
        axes.set_ylim(-0.04 * high, high)
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _is_wide(x: pd.Series) -> bool:
    return x.min() > 0 and x.max() > WIDE * x.min()


def _placed(rows: pd.DataFrame) -> pd.DataFrame:
    """Add a column of places for each pair of modalities, beside each other."""
    x = rows["bin_median"]
    axis = np.log(x) if _is_wide(x) else x
    for j in range(len(style.PAIR_COLOURS)):
        places = axis + (j - 2) * ASIDE * (axis.max() - axis.min())
        rows = rows.assign(**{f"x{j}": np.exp(places) if _is_wide(x) else places})
    return rows


def _scale(lowest: np.ndarray, x: pd.Series) -> None:
    for axes in lowest:
        if _is_wide(x):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))


def _handle(query: str, reference: str) -> Line2D:
    pair = query, reference
    return Line2D(
        [], [], lw=0.7, marker=style.PAIR_MARKERS[pair], color=style.PAIR_COLOURS[pair], ms=3,
        label=f"{query} \N{RIGHTWARDS ARROW} {reference}",
    )  # fmt: skip
