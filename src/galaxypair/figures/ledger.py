"""Where the galaxies went: kept for a split, or the reason why not."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from galaxypair import tables
from galaxypair.figures import style

SPLIT_COLOURS = {"train": "#0072B2", "val": "#56B4E9", "test": "#009E73"}


@style.styled
def bars(ledger: pd.DataFrame) -> Figure:
    """Draw the shares of the splits and of what was left out, then the reasons.

    Parameters
    ----------
    ledger : pandas.DataFrame
        One row per input galaxy, see `tables.LEDGER_COLUMNS`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if ledger.empty:
        return style.empty("The survey holds no galaxy.")
    reasons = ledger.loc[~ledger["kept"], "reason"].value_counts()
    rows = max(len(reasons), 1)
    figure = style.new_figure(
        style.PAGE_IN * 0.7, 1.2 + 0.2 * rows, f"{style.count(len(ledger), 'input galaxies')}"
    )
    top, bottom = figure.subplots(2, height_ratios=[0.3, 0.2 * rows + 0.1])
    _draw_shares(top, ledger)
    if reasons.empty:
        bottom.set_axis_off()
        bottom.text(0.5, 0.5, "none was left out", ha="center", va="center", transform=bottom.transAxes)
        return figure
    drawn = bottom.barh([r.replace("_", " ") for r in reasons.index], reasons, color=style.GREY, height=0.7)
    texts = [f"{n:,} ({n / len(ledger):.2%})" for n in reasons]
    bottom.bar_label(drawn, texts, padding=3, fontsize=7)
    bottom.invert_yaxis()
    bottom.margins(x=0.25)
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    bottom.spines[["top", "right"]].set_visible(False)
    bottom.tick_params(axis="y", length=0)
    bottom.set_xlabel("galaxies left out, by reason")
    return figure


def _draw_shares(axes: Axes, ledger: pd.DataFrame) -> None:
    kept = ledger.loc[ledger["kept"], "split"].value_counts()
    parts = [(split, int(kept.get(split, 0)), SPLIT_COLOURS[split]) for split in tables.SPLITS]
    parts.append(("left out", int((~ledger["kept"]).sum()), style.PALE))
    left = 0
    for name, n, colour in parts:
        if n:
            axes.barh(0, n, left=left, color=colour, edgecolor="white", label=f"{name}: {n:,}")
        left += n
    axes.set(xlim=(0, len(ledger)), yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, handlelength=1, columnspacing=1.5)
