"""Scatter of scores over training seeds, beside the uncertainty that the test galaxies leave."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from galaxypair.figures import style

SPREAD = 0.84  # of a row's height, over its pairs of modalities
LOWEST_R2 = -0.5  # scores further below 0 are drawn here, as arrows: how bad hardly matters


@style.styled
def panels(table: pd.DataFrame) -> Figure:
    """Draw R2 with both uncertainties, and their ratio.

    Parameters
    ----------
    table : pandas.DataFrame
        `tables.SEED_COLUMNS`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = table[(table["metric"] == "r2") & table["mean"].notna()]
    if rows.empty:
        return style.empty("No score to compare.")
    targets = list(rows["target"].drop_duplicates())
    pairs = [pair for pair in style.PAIR_COLOURS if len(_of_pair(rows, pair))]
    counts = rows["n"].astype(int)
    sizes = f"{counts.min():,}\N{EN DASH}" if counts.min() < counts.max() else ""
    note = f"{sizes}{style.count(counts.max(), 'test galaxies')}; {rows['seeds'].iloc[0]} seeds"
    figure = style.new_figure(style.PAGE_IN, 1.05 + 0.55 * len(targets), note)
    scores, ratios = figure.subplots(1, 2, sharey=True, width_ratios=(1.6, 1))
    for j, pair in enumerate(pairs):
        own = _of_pair(rows, pair).set_index("target").reindex(targets)
        y = np.arange(len(targets)) + SPREAD * ((j + 0.5) / len(pairs) - 0.5)
        colour, marker = style.PAIR_COLOURS[pair], style.PAIR_MARKERS[pair]
        mean, off = own["mean"].to_numpy(), (own["mean"] < LOWEST_R2).to_numpy()
        seen = np.where(off, np.nan, mean)
        height = 0.7 * SPREAD / len(pairs)
        scores.barh(y, 2 * own["sd"], height, left=seen - own["sd"], color=colour, alpha=0.35, lw=0)
        look = {"color": colour, "marker": marker, "ls": "none"}
        scores.errorbar(seen, y, xerr=own["half_interval"], ms=2.6, elinewidth=0.8, **look)
        scores.plot(np.full(off.sum(), LOWEST_R2), y[off], "<", ms=3, color=colour)
        ratio = own["sd"] / own["half_interval"].where(own["half_interval"] > 0)
        ratios.plot(ratio, y, ms=3, **look)
    for axes in (scores, ratios):
        for edge in np.arange(len(targets) - 1) + 0.5:
            axes.axhline(edge, color=style.PALE, lw=0.5, zorder=0)
        axes.tick_params(axis="y", length=0)
    scores.axvline(0, color=style.GREY, lw=0.8, ls=":")
    low = max(LOWEST_R2, min(0, (rows["mean"] - rows["half_interval"]).min()))
    scores.set(ylim=(len(targets) - 0.5, -0.5), xlim=(low - 0.05, 1.02), xlabel="$R^2$, mean over seeds")
    scores.set_yticks(range(len(targets)), [style.label(t) for t in targets])
    ratios.axvline(1, color=style.GREY, lw=0.8, ls=":")
    ratios.set_xlim(0, max(1.1, ratios.get_xlim()[1]))
    ratios.set_xlabel("sd over seeds / half the interval")
    kinds = [
        Patch(color=style.GREY, alpha=0.35, lw=0, label="\N{PLUS-MINUS SIGN} 1 sd over seeds"),
        Line2D([], [], color=style.GREY, lw=0.8, label="68 % interval over galaxies"),
    ]
    figure.legend(handles=[*(_handle(*pair) for pair in pairs), *kinds], loc="outside lower center", ncols=4)
    return figure


def _of_pair(rows: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    return rows[(rows["query"] == pair[0]) & (rows["reference"] == pair[1])]


def _handle(query: str, reference: str) -> Line2D:
    pair = query, reference
    return Line2D(
        [], [], ls="none", marker=style.PAIR_MARKERS[pair], color=style.PAIR_COLOURS[pair], ms=2.6,
        label=f"{query} \N{RIGHTWARDS ARROW} {reference}",
    )  # fmt: skip
