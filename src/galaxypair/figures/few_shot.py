"""Few-shot regression: how predictions improve with the number of labels."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from galaxypair import tables
from galaxypair.figures import style

MARKERS = {"image": "o", "spectrum": "^", "both": "s"}
COLUMNS = 3  # panels side by side
LOWEST_R2 = -0.2  # lower scores are drawn here, as arrows: how bad hardly matters
SHIFT = 1.06  # factor between the places of two spaces, so that their bars stand apart


@style.styled
def curves(scores: pd.DataFrame, zeroshot: pd.DataFrame) -> Figure:
    """Draw R2 against the number of labels, a panel per property and a line per space.

    Parameters
    ----------
    scores : pandas.DataFrame
        `metrics/few_shot.csv`, see `tables.FEW_SHOT_COLUMNS`.
    zeroshot : pandas.DataFrame
        `metrics/zeroshot.csv`; of it, predictions from references of the query's own modality are drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = scores[(scores["metric"] == "r2") & scores["value"].notna()]
    if rows.empty:
        return style.empty("No property was predicted: too few galaxies of the test split have one.")
    targets = list(rows["target"].drop_duplicates())
    n_columns = min(COLUMNS, len(targets))
    n_rows = -(-len(targets) // n_columns)
    sizes = sorted({int(n) for n in rows["n"]})
    shown = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,}\N{EN DASH}{sizes[-1]:,}"
    figure = style.new_figure(
        style.COLUMN_IN + (style.PAGE_IN - style.COLUMN_IN) * (n_columns - 1) / (COLUMNS - 1),
        2.1 * n_rows + 0.35,
        f"{shown} test galaxies",
    )
    panels = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)
    top = max(1.0, rows["high"].max())
    for axes, target in zip(panels.flat, targets, strict=False):
        own = rows[rows["target"] == target]
        _draw_zeroshot(axes, zeroshot, target)
        for i, space in enumerate(s for s in tables.SPACES if s in set(own["space"])):
            _draw_space(axes, own[own["space"] == space], space, SHIFT ** (i - 1))
        axes.axhline(0, color=style.GREY, lw=0.8, ls=":", zorder=0)
        axes.set_title(style.label(target))
        _label_counts(axes, sorted({int(n) for n in own["n_labels"]}))
    for axes in panels.flat[len(targets) :]:
        axes.remove()
    panels[0, 0].set_ylim(LOWEST_R2 - 0.03, top + 0.02)
    for axes in panels[:, 0]:
        axes.set_ylabel("$R^2$")
    for axes in panels.flat[max(0, len(targets) - n_columns) : len(targets)]:  # the lowest of each column
        axes.set_xlabel("labelled train galaxies")
    _legend(figure, [s for s in tables.SPACES if s in set(rows["space"])], n_columns)
    return figure


def _draw_space(axes: Axes, rows: pd.DataFrame, space: str, shift: float) -> None:
    by_count = rows.groupby("n_labels")
    look = {"color": style.MODALITY_COLOURS[space], "zorder": 3}
    mean = by_count[["value", "low", "high"]].mean()
    x = mean.index.to_numpy() * shift
    lowest, highest = (by_count["value"].agg(f).clip(lower=LOWEST_R2).to_numpy() for f in ("min", "max"))
    axes.fill_between(x, lowest, highest, color=style.MODALITY_COLOURS[space], alpha=0.2, lw=0)
    value = mean["value"].to_numpy()
    off = value < LOWEST_R2
    bars = np.clip([value - mean["low"], mean["high"] - value], 0, None)
    axes.errorbar(x, np.where(off, np.nan, value), yerr=bars, marker=MARKERS[space], elinewidth=1, **look)
    axes.plot(x[off], np.full(off.sum(), LOWEST_R2), marker="v", ls="none", **look)


def _draw_zeroshot(axes: Axes, zeroshot: pd.DataFrame, target: str) -> None:
    same = zeroshot[(zeroshot["query"] == zeroshot["reference"]) & (zeroshot["metric"] == "r2")]
    for row in same[same["target"] == target].itertuples():
        if row.value >= LOWEST_R2:
            axes.axhline(row.value, color=style.MODALITY_COLOURS[row.query], lw=0.9, ls="--", zorder=1)


def _label_counts(axes: Axes, counts: list[int]) -> None:
    """Ticks at the numbers themselves, but for those that would run into the next one."""
    axes.set_xscale("log")
    axes.set_xlim(counts[0] / 1.35, counts[-1] * 1.35)
    span = np.log(counts[-1] / counts[0]) or 1.0
    ticks = [counts[-1]]
    for n in counts[-2::-1]:
        if np.log(ticks[-1] / n) > 0.2 * span:
            ticks.append(n)
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _legend(figure: Figure, spaces: list[str], n_columns: int) -> None:
    lines = [Line2D([], [], color=style.MODALITY_COLOURS[s], marker=MARKERS[s], label=s) for s in spaces]
    lines.append(Line2D([], [], color=style.INK, lw=0.9, ls="--", label="zero-shot, all labels"))
    figure.legend(handles=lines, loc="outside lower center", ncols=4 if n_columns > 1 else 2, frameon=False)
