"""How the training went."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from galaxypair.figures import style

LOSS_STYLES = {"train_loss": ("train", style.GREY, "-"), "val_loss": ("validation", style.INK, "-")}


@style.styled
def curves(history: pd.DataFrame) -> Figure:
    """Draw losses, learning rate and validation metrics over the epochs, as far as they were logged.

    Parameters
    ----------
    history : pandas.DataFrame
        `epoch` and any of `train_loss`, `val_loss`, `chance_loss`, `chance_val_loss`,
        `learning_rate` and further columns `val_*`; one row per epoch.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if history.empty:
        return style.empty("No epoch was trained.")
    metrics = [c for c in history if c.startswith("val_") and c != "val_loss" and history[c].notna().any()]
    rate = ["learning_rate"] if "learning_rate" in history else []
    panels = 1 + len(rate) + bool(metrics)
    note = f"{len(history)} epochs"
    figure = style.new_figure(style.COLUMN_IN, 2.1 + 0.95 * (panels - 1), note)
    axes = figure.subplots(panels, sharex=True, height_ratios=[2.1] + [0.95] * (panels - 1), squeeze=False)
    axes = axes[:, 0]
    _draw_losses(axes[0], history)
    if rate:
        axes[1].plot(history["epoch"], history["learning_rate"], color=style.INK)
        axes[1].set(ylabel="learning\nrate", ylim=(0, None))
        axes[1].ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    if metrics:
        for name, ls in zip(metrics, ("-", "--", ":", "-."), strict=False):
            text = name.removeprefix("val_").replace("_at_", "@").replace("_", " ")
            axes[-1].plot(history["epoch"], history[name], color=style.INK, ls=ls, label=text)
        axes[-1].set(ylabel="validation", ylim=(0, None))
        axes[-1].legend(loc="best")
    best = _best_epoch(history)
    if best is not None:
        for panel in axes:
            panel.axvline(best, color=style.MODALITY_COLOURS["both"], lw=0.8, ls="--", zorder=0)
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.align_ylabels()
    return figure


def _best_epoch(history: pd.DataFrame) -> float | None:
    if "val_loss" not in history or not np.isfinite(history["val_loss"]).any():
        return None
    return history["epoch"].iloc[int(np.nanargmin(history["val_loss"]))]


def _draw_losses(axes: Axes, history: pd.DataFrame) -> None:
    for name, (text, colour, ls) in LOSS_STYLES.items():
        if name in history and history[name].notna().any():
            axes.plot(history["epoch"], history[name], color=colour, ls=ls, label=text, marker=".")
    levels = {name: history[name].iloc[-1] for name in ("chance_loss", "chance_val_loss") if name in history}
    if len(set(levels.values())) == 1:
        levels = {"": levels.popitem()[1]}
    # a val split smaller than a batch is easier to guess
    for (name, level), ls in zip(levels.items(), (":", "-."), strict=False):
        text = {"chance_loss": ", train", "chance_val_loss": ", validation"}.get(name, "")
        axes.axhline(level, color=style.MARK, lw=0.8, ls=ls, label=f"random guess{text}")
    best = _best_epoch(history)
    if best is not None:
        loss = history["val_loss"].min()
        axes.plot(
            best, loss, "*", ms=9, color=style.MODALITY_COLOURS["both"],
            label=f"best: {loss:.3f}, epoch {best:.0f}",
        )  # fmt: skip
    axes.set_ylabel("contrastive loss")
    axes.legend(loc="best")
