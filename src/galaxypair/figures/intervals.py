"""Calibrated intervals of single galaxies: how many true values they hold, where, and how wide they are."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, MultipleLocator

from galaxypair.figures import style

SPREAD = 0.8  # of a row's height, over its pairs of modalities
ASIDE = 0.012  # of the axis, between the pairs of modalities, which share the bins
PARTS = {"conformal_cross": (-0.14, True), "conformal_val": (0.2, False)}  # place within a pair's own, filled


@style.styled
def panels(scores: pd.DataFrame, binned: pd.DataFrame) -> Figure:
    """Draw the coverage of all targets and, of redshift, where it holds and what widths it takes.

    Parameters
    ----------
    scores : pandas.DataFrame
        `metrics/intervals.csv`.
    binned : pandas.DataFrame
        `metrics/intervals_bins.csv`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if scores.empty:
        return style.empty("No property is known for enough galaxies to calibrate intervals on.")
    targets = list(scores["target"].drop_duplicates())
    target = "z" if "z" in targets else targets[0]
    levels = sorted(
        float(name.partition("@")[2]) for name in scores["metric"].unique() if name.startswith("coverage@")
    )
    counts = scores["n"].astype(int)
    sizes = f"{counts.min():,}\N{EN DASH}" if counts.min() < counts.max() else ""
    note = sizes + style.count(counts.max(), "test galaxies")
    figure = style.new_figure(style.PAGE_IN, max(4.6, 0.75 + 0.62 * len(targets)), note)
    grid = figure.add_gridspec(3, 2, width_ratios=(1.1, 1))
    _coverage(figure.add_subplot(grid[:, 0]), scores, targets, levels)
    right = [figure.add_subplot(grid[i, 1]) for i in range(3)]
    own = binned[binned["target"] == target]
    _by_width(right[0], own[own["metric"] == f"error@{levels[0]:g}"], levels[0])
    of_z = own[own["property"] == "z"]
    _by_redshift(right[1], of_z, [f"coverage@{level:g}" for level in levels])
    for level in levels:
        right[1].axhline(level, color=style.GREY, lw=0.8, ls=":", zorder=0)
    right[1].set_ylabel("coverage")
    _by_redshift(right[2], of_z, [f"median_width@{levels[0]:g}"])
    right[2].set(ylabel=f"{levels[0]:.0%} width", xlabel="redshift z", ylim=(0, None))
    right[0].set_title(style.label(target))
    right[1].tick_params(labelbottom=False)
    figure.legend(
        handles=[*map(_handle, _pairs(scores)), *_kinds(scores)], loc="outside lower center", ncols=4,
        title="query \N{RIGHTWARDS ARROW} reference",
    ).get_title().set_fontsize(7)  # fmt: skip
    return figure


def _coverage(axes: Axes, scores: pd.DataFrame, targets: list[str], levels: Sequence[float]) -> None:
    pairs = _pairs(scores)
    for j, pair in enumerate(pairs):
        for protocol, (aside, filled) in PARTS.items():
            colour = style.PAIR_COLOURS[pair]
            look = {"marker": style.PAIR_MARKERS[pair], "color": colour, "mfc": colour if filled else "white"}
            for level in levels:
                chosen = (scores["metric"] == f"coverage@{level:g}") & (scores["protocol"] == protocol)
                own = _of_pair(scores[chosen], pair).set_index("target").reindex(targets)
                y = np.arange(len(targets)) + SPREAD * ((j + 0.5 + aside) / len(pairs) - 0.5)
                bars = np.clip([own["value"] - own["low"], own["high"] - own["value"]], 0, None)
                axes.errorbar(
                    own["value"], y, xerr=bars, ls="none", ms=3 if filled else 2.2, mew=0.6,
                    elinewidth=0.9 if filled else 0.5, **look,
                )  # fmt: skip
    for level in levels:
        axes.axvline(level, color=style.GREY, lw=0.8, ls=":", zorder=0)
    for edge in np.arange(len(targets) - 1) + 0.5:
        axes.axhline(edge, color=style.PALE, lw=0.5, zorder=0)
    # a unit, or what stands in brackets, on a line of its own
    axes.set_yticks(
        range(len(targets)), [re.sub(r"(?<!\\) (?=[\[(])", "\n", style.label(t)) for t in targets]
    )
    axes.tick_params(axis="y", length=0)
    shown = scores[scores["metric"].str.startswith("coverage@")]
    low, high = min(shown["low"].min(), levels[0] - 0.04), max(shown["high"].max(), levels[-1] + 0.04)
    axes.set(ylim=(len(targets) - 0.5, -0.5), xlim=(low - 0.01, min(high + 0.01, 1.01)))
    axes.set_xlabel("share of true values inside (dotted: intended)")
    axes.xaxis.set_major_locator(MultipleLocator(0.1))


def _by_width(axes: Axes, rows: pd.DataFrame, level: float) -> None:
    seen = rows["value"].notna() & (rows["value"] > 0)
    for pair in _pairs(rows):
        own = _of_pair(rows[seen], pair)
        bars = np.clip([own["value"] - own["low"], own["high"] - own["value"]], 0, None)
        look = {"color": style.PAIR_COLOURS[pair], "marker": style.PAIR_MARKERS[pair], "ms": 3}
        axes.errorbar(own["bin_median"] / 2, own["value"], yerr=bars, lw=0.7, elinewidth=0.8, **look)
    ends = pd.concat([rows.loc[seen, "value"], rows.loc[seen, "bin_median"] / 2])
    line = [ends.min(), ends.max()] if len(ends) else [0, 1]
    axes.plot(line, line, color=style.GREY, lw=0.8, ls=":", zorder=0)
    axes.set(xlim=(0, None), ylim=(0, None))
    axes.set_xlabel(f"half the {level:.0%} width")
    axes.set_ylabel(f"{level:.0%} of |error|")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _by_redshift(axes: Axes, rows: pd.DataFrame, metrics: list[str]) -> None:
    rows = rows[rows["value"].notna()]
    if rows.empty:
        look = {"ha": "center", "va": "center", "color": style.GREY}
        axes.text(0.5, 0.5, "too few galaxies in each bin", transform=axes.transAxes, **look)
    span = rows["bin_median"].max() - rows["bin_median"].min()
    for j, pair in enumerate(style.PAIR_COLOURS):
        for metric in metrics:
            own = _of_pair(rows[rows["metric"] == metric], pair)
            if own.empty:
                continue
            bars = np.clip([own["value"] - own["low"], own["high"] - own["value"]], 0, None)
            look = {"color": style.PAIR_COLOURS[pair], "marker": style.PAIR_MARKERS[pair], "ms": 3}
            x = own["bin_median"] + (j - 2) * ASIDE * span
            axes.errorbar(x, own["value"], yerr=bars, lw=0.7, elinewidth=0.8, **look)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _of_pair(rows: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    return rows[(rows["query"] == pair[0]) & (rows["reference"] == pair[1])]


def _pairs(rows: pd.DataFrame) -> list[tuple[str, str]]:
    found = set(rows[["query", "reference"]].itertuples(index=False, name=None))
    return [pair for pair in style.PAIR_COLOURS if pair in found]


def _handle(pair: tuple[str, str]) -> Line2D:
    text = f"{pair[0]} \N{RIGHTWARDS ARROW} {pair[1]}"
    return Line2D(
        [], [], lw=0.7, marker=style.PAIR_MARKERS[pair], color=style.PAIR_COLOURS[pair], ms=3, label=text
    )


def _kinds(scores: pd.DataFrame) -> list[Line2D]:
    names = {"conformal_cross": "calibrated on val and test", "conformal_val": "on val alone"}
    return [
        Line2D([], [], ls="none", marker="o", ms=3, color=style.GREY, mfc=style.GREY if filled else "white",
               label=names[protocol])
        for protocol, (_, filled) in PARTS.items() if (scores["protocol"] == protocol).any()
    ]  # fmt: skip
