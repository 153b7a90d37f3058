"""How the training went."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from galaxypair.figures import style

LOSS_STYLES = {"train_loss": ("train", style.GREY), "val_loss": ("validation", style.INK)}


@style.styled
def curves(history: pd.DataFrame) -> Figure:
    """Draw losses and learning rate over the epochs.

    Parameters
    ----------
    history : pandas.DataFrame
        `tables.HISTORY_COLUMNS`, one row per epoch.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = style.new_figure(style.COLUMN_IN, 3.05, f"{len(history)} epochs")
    top, bottom = figure.subplots(2, sharex=True, height_ratios=[2.1, 0.95])
    best = history.loc[history["val_loss"].idxmin()]
    _draw_losses(top, history, best)
    bottom.plot(history["epoch"], history["learning_rate"], color=style.INK)
    bottom.set(ylabel="learning\nrate", ylim=(0, None), xlabel="epoch")
    bottom.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    for axes in (top, bottom):
        axes.axvline(best["epoch"], color=style.MODALITY_COLOURS["both"], lw=0.8, ls="--", zorder=0)
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.align_ylabels()
    return figure


def _draw_losses(axes: Axes, history: pd.DataFrame, best: pd.Series) -> None:
    for name, (text, colour) in LOSS_STYLES.items():
        axes.plot(history["epoch"], history[name], color=colour, label=text, marker=".")
    levels = {name: history[name].iloc[-1] for name in ("chance_loss", "chance_val_loss")}
    if len(set(levels.values())) == 1:
        levels = {"": levels.popitem()[1]}
    # a val split smaller than a batch is easier to guess
    for (name, level), ls in zip(levels.items(), (":", "-."), strict=False):
        text = {"chance_loss": ", train", "chance_val_loss": ", validation"}.get(name, "")
        axes.axhline(level, color=style.MARK, lw=0.8, ls=ls, label=f"random guess{text}")
    axes.plot(
        best["epoch"], best["val_loss"], "*", ms=9, color=style.MODALITY_COLOURS["both"],
        label=f"best: {best['val_loss']:.3f}, epoch {best['epoch']:.0f}",
    )  # fmt: skip
    axes.set_ylabel("contrastive loss")
    axes.legend(loc="best")
