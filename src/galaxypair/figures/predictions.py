"""Redshifts predicted for a user's own galaxies."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galaxypair import tables
from galaxypair.figures import style

MAX_NAMED = 40  # galaxies without a known redshift that one panel can name


@style.styled
def panels(predictions: pd.DataFrame) -> Figure:
    """Draw predictions against the known redshifts, and those of the rest galaxy by galaxy.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `metrics/predictions.csv`: `id`, `z_true` and per modality `z_*`, `z_*_low`, `z_*_high`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = [f"z_{m}{end}" for m in tables.MODALITIES for end in ("", "_low", "_high")]
    rows = predictions.reindex(columns=["id", "z_true", *columns])
    rows = rows[rows[[f"z_{m}" for m in tables.MODALITIES]].notna().any(axis=1)]
    if rows.empty:
        return style.empty("No redshift was predicted; the column `reason` of predictions.csv says why.")
    known, rest = rows[rows["z_true"].notna()], rows[rows["z_true"].isna()]
    note = f"{style.count(len(rows))} of your own, {len(known):,} with a known redshift"
    named = min(len(rest), MAX_NAMED)
    heights = ([3.3] if len(known) else []) + ([0.6 + 0.16 * named] if named else [])
    figure = style.new_figure(style.PAGE_IN, sum(heights), note)
    parts = figure.subfigures(len(heights), height_ratios=heights, squeeze=False)[:, 0]
    if len(known):
        grid = parts[0].subplots(1, len(tables.MODALITIES), sharex=True, sharey=True)
        limits = _limits(known)
        for axes, modality in zip(grid, tables.MODALITIES, strict=True):
            _draw_against_truth(axes, known, modality, limits)
        grid[0].set_ylabel("predicted redshift")
    if named:
        _draw_named(parts[-1].subplots(), rest)
    return figure


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    values = rows[["z_true", *(f"z_{m}" for m in tables.MODALITIES)]].to_numpy()
    low, high = np.nanmin(values), np.nanmax(values)
    pad = 0.05 * max(high - low, 0.02)
    return low - pad, high + pad


def _bars(rows: pd.DataFrame, modality: str) -> np.ndarray:
    value = rows[f"z_{modality}"]
    return np.clip([value - rows[f"z_{modality}_low"], rows[f"z_{modality}_high"] - value], 0, None)


def _draw_against_truth(axes: Axes, rows: pd.DataFrame, modality: str, limits: tuple[float, float]) -> None:
    own = rows[rows[f"z_{modality}"].notna()]
    axes.plot(limits, limits, color=style.MARK, lw=0.8)
    axes.errorbar(
        own["z_true"], own[f"z_{modality}"], _bars(own, modality), ls="none", marker="o", ms=3.5,
        color=style.MODALITY_COLOURS[modality], elinewidth=0.7, ecolor=style.GREY,
    )  # fmt: skip
    axes.set(xlim=limits, ylim=limits, box_aspect=1, xlabel="known redshift")
    axes.set_title(f"from {modality} (n = {len(own):,})")


def _draw_named(axes: Axes, rows: pd.DataFrame) -> None:
    shown = rows.head(MAX_NAMED)
    for modality, shift in zip(tables.MODALITIES, (-0.15, 0.15), strict=True):
        axes.errorbar(
            shown[f"z_{modality}"], np.arange(len(shown)) + shift, xerr=_bars(shown, modality), ls="none",
            marker="o", ms=3.5, color=style.MODALITY_COLOURS[modality], elinewidth=0.7,
            label=f"from {modality}",
        )  # fmt: skip
    axes.set_yticks(range(len(shown)), [str(i) for i in shown["id"]], parse_math=False)
    more = f" (first {len(shown)} of {len(rows):,})" if len(rows) > len(shown) else ""
    axes.set(xlabel="predicted redshift", ylim=(len(shown) - 0.5, -0.5))
    axes.set_title(f"no known redshift{more}")
    axes.grid(axis="y", color=style.PALE, lw=0.3)
    axes.legend(loc="best")
