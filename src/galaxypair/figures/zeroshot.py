"""Zero-shot regression: predicted against true values, and all scores at a glance."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from galaxypair import tables
from galaxypair.figures import style

HEADROOM = 0.26  # of a panel, above the highest true value
DENSITY = ListedColormap(mpl.colormaps["Blues"](np.linspace(0.3, 1, 256)))  # one galaxy is seen on white
LOWEST_R2 = -0.5  # scores further below 0 are drawn here, as arrows: how bad hardly matters


@style.styled
def panels(predictions: pd.DataFrame, metrics: pd.DataFrame, target: str) -> Figure:
    """Draw predicted against true values of one property for the pairs of modalities that there are.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `metrics/zeroshot_predictions.parquet`, see `tables`.
    metrics : pandas.DataFrame
        `metrics/zeroshot.csv`; its numbers are printed, none is computed here.
    target : str
        Column name of the property.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = predictions[predictions["target"] == target].dropna(subset=["y_true", "y_pred"])
    name = style.label(target)
    if rows.empty:
        return style.empty(f"No galaxy of the test split has the property: {name}.")
    note = style.count(rows["targetid"].nunique(), "test galaxies")
    found = [m for m in tables.MODALITIES if m in {*rows["query"], *rows["reference"]}]
    size = style.PAGE_IN * (0.2 + 0.29 * len(found))
    figure = style.new_figure(size, size + 0.04 * style.PAGE_IN, note)
    grid = figure.subplots(len(found), len(found), sharex=True, sharey=True, squeeze=False)
    low, high = rows["y_true"].min(), rows["y_true"].max()
    pad = 0.04 * ((high - low) or 1)
    limits = (low - pad, high + pad)
    densities = []
    for axes, pair in zip(grid.flat, itertools.product(found, found), strict=True):
        own = _of_pair(rows, pair)
        scores = _of_pair(metrics[metrics["target"] == target], pair)
        densities += _draw_density(axes, own, limits)
        axes.plot(limits, limits, color=style.MARK, lw=0.8)
        axes.text(0.03, 0.975, _scores(scores, len(own)), transform=axes.transAxes, va="top", fontsize=7)
        headroom = HEADROOM * (limits[1] - limits[0])  # for the scores, which then hide no galaxy
        axes.set(xlim=limits, ylim=(limits[0], limits[1] + headroom), aspect="equal")
    most = max((density.get_array().max() for density in densities), default=1)
    for density in densities:
        density.set_norm(LogNorm(1, max(most, 2)))
    if densities:
        bar = figure.colorbar(densities[0], ax=grid, aspect=35, pad=0.02, label="galaxies per cell")
        bar.ax.yaxis.set_major_formatter(LogFormatter())  # 10, not 10^1
        bar.ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.5)))
    for axes, reference in zip(grid[0], found, strict=True):
        axes.set_title(f"reference: {reference}")
    for axes, query in zip(grid[:, 0], found, strict=True):
        axes.set_ylabel(f"query: {query}")
    figure.supxlabel(f"true {name}", fontsize=8)
    figure.supylabel(f"predicted {name}", fontsize=8)
    return figure


def _of_pair(table: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    return table[(table["query"] == pair[0]) & (table["reference"] == pair[1])]


def _draw_density(axes: Axes, rows: pd.DataFrame, limits: tuple[float, float]) -> list[PolyCollection]:
    if rows.empty:
        return []
    cells = axes.hexbin(
        rows["y_true"],
        rows["y_pred"].clip(*limits),
        gridsize=int(np.clip(1.3 * np.sqrt(len(rows)), 25, 80)),
        extent=(*limits, *limits),
        cmap=DENSITY,
        mincnt=1,
        linewidths=0.2,
        rasterized=True,
    )
    return [cells]


def _scores(metrics: pd.DataFrame, n: int) -> str:
    by_name = metrics.set_index("metric")
    lines = []
    for name, text in (("r2", "$R^2$"), ("nmad", r"$\sigma_\mathrm{NMAD}$")):
        if name in by_name.index:
            row = by_name.loc[name]
            lines.append(f"{text} = {style.interval(row['value'], row['low'], row['high'])}")
    return "\n".join([*lines, f"n = {n:,}"])


@style.styled
def summary(metrics: pd.DataFrame) -> Figure:
    """Draw R2 of every property and pair of modalities with 68 % intervals.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/zeroshot.csv`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = metrics[(metrics["metric"] == "r2") & metrics["value"].notna()]
    if rows.empty:
        return style.empty("No property could be predicted: no galaxy of the test split has one.")
    targets = list(rows["target"].drop_duplicates())
    counts = sorted({int(n) for n in rows["n"]})
    sizes = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,}\N{EN DASH}{counts[-1]:,}"
    figure = style.new_figure(style.PAGE_IN * 0.7, 1.1 + 0.5 * len(targets), f"{sizes} test galaxies")
    axes = figure.subplots()
    for j, (query, reference) in enumerate(style.PAIR_COLOURS):
        own = _of_pair(rows, (query, reference)).set_index("target").reindex(targets)
        if own["value"].isna().all():
            continue
        y = np.arange(len(targets)) + (j - 2) * 0.16
        look = {"color": style.PAIR_COLOURS[query, reference], "ls": "none"}
        text = f"{query} \N{RIGHTWARDS ARROW} {reference}"
        value = own["value"].to_numpy()
        off = value < LOWEST_R2
        bars = np.clip([value - own["low"], own["high"] - value], 0, None)
        axes.errorbar(
            np.where(off, np.nan, value), y, xerr=bars, marker=style.PAIR_MARKERS[query, reference],
            elinewidth=1, label=text, **look,
        )  # fmt: skip
        axes.plot(np.full(off.sum(), LOWEST_R2), y[off], marker="<", **look)
    for edge in np.arange(len(targets) - 1) + 0.5:
        axes.axhline(edge, color=style.PALE, lw=0.5)
    axes.axvline(0, color=style.GREY, lw=0.8, ls=":")
    axes.set_yticks(range(len(targets)), [style.label(t) for t in targets])
    axes.tick_params(axis="y", length=0)
    low = max(LOWEST_R2, min(0, rows["low"].fillna(rows["value"]).min()))
    axes.set(ylim=(len(targets) - 0.5, -0.5), xlim=(low - 0.05, 1.02), xlabel="$R^2$ (zero-shot)")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=2,
        title="query \N{RIGHTWARDS ARROW} reference",
    ).get_title().set_fontsize(7)  # fmt: skip
    return figure
