"""Redshifts predicted for a user's own galaxies."""

from collections.abc import Sequence

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
        `metrics/predictions.csv`: `id`, `z_true` and per modality `z_*`, `z_*_low`, `z_*_high`; where they
        were read off the encoders, also of "both", and `confidence_*`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    read = "confidence_both" in predictions
    spaces = tables.SPACES if read else tables.MODALITIES
    names = [f"z_{space}{end}" for space in spaces for end in ("", "_low", "_high")]
    rows = predictions.reindex(columns=["id", "z_true", *names, *(f"confidence_{space}" for space in spaces)])
    rows = rows[rows[[f"z_{space}" for space in spaces]].notna().any(axis=1)]
    if rows.empty:
        return style.empty("No redshift was predicted; the column `reason` of predictions.csv says why.")
    known, rest = rows[rows["z_true"].notna()], rows[rows["z_true"].isna()]
    note = f"{style.count(len(rows))} of your own, {len(known):,} with a known redshift"
    note += "; redshifts read off the encoders" if read else ""
    named = min(len(rest), MAX_NAMED)
    heights = [7.3 / len(spaces)] if len(known) else []  # panels are square
    heights += [0.65 + 0.08 * len(spaces) * named] if named else []
    figure = style.new_figure(style.PAGE_IN, sum(heights), note)
    parts = figure.subfigures(len(heights), height_ratios=heights, squeeze=False)[:, 0]
    if len(known):
        grid = parts[0].subplots(1, len(spaces), sharex=True, sharey=True)
        limits = _limits(known, spaces)
        for axes, space in zip(grid, spaces, strict=True):
            _draw_against_truth(axes, known, space, limits)
        grid[0].set_ylabel("predicted redshift")
    if named:
        _draw_named(parts[-1].subplots(), rest, spaces)
    return figure


def _limits(rows: pd.DataFrame, spaces: Sequence[str]) -> tuple[float, float]:
    values = rows[["z_true", *(f"z_{space}" for space in spaces)]].to_numpy()
    low, high = np.nanmin(values), np.nanmax(values)
    pad = 0.05 * max(high - low, 0.02)
    return low - pad, high + pad


def _draw(axes: Axes, rows: pd.DataFrame, space: str, at: np.ndarray, *, upright: bool) -> None:
    """Draw redshifts with their intervals at places along the other axis; uncertain ones hollow."""
    value, low, high = (rows[f"z_{space}{end}"].to_numpy() for end in ("", "_low", "_high"))
    uncertain = (rows[f"confidence_{space}"] < tables.READOUT_CONFIDENT).to_numpy()
    colour = style.MODALITY_COLOURS[space]
    # the highest peak of a distribution may lie outside of its middle 68 %
    lines = axes.vlines if upright else axes.hlines
    lines(at, low, high, color=style.GREY if upright else colour, lw=0.7, zorder=1)
    for chosen, fill, label in ((~uncertain, colour, f"from {space}"), (uncertain, "white", None)):
        x, y = (at[chosen], value[chosen]) if upright else (value[chosen], at[chosen])
        axes.plot(x, y, ls="none", marker="o", ms=3.5, color=colour, mfc=fill, label=label)


def _draw_against_truth(axes: Axes, rows: pd.DataFrame, space: str, limits: tuple[float, float]) -> None:
    own = rows[rows[f"z_{space}"].notna()]
    axes.plot(limits, limits, color=style.MARK, lw=0.8)
    _draw(axes, own, space, own["z_true"].to_numpy(), upright=True)
    axes.set(xlim=limits, ylim=limits, box_aspect=1, xlabel="known redshift")
    axes.set_title(f"from {space} (n = {len(own):,})")


def _draw_named(axes: Axes, rows: pd.DataFrame, spaces: Sequence[str]) -> None:
    shown = rows.head(MAX_NAMED)
    shifts = np.linspace(-0.3, 0.3, 2 * len(spaces) + 1)[1::2]
    for space, shift in zip(spaces, shifts, strict=True):
        _draw(axes, shown, space, np.arange(len(shown)) + shift, upright=False)
    axes.set_yticks(range(len(shown)), [str(i) for i in shown["id"]], parse_math=False)
    more = f" (first {len(shown)} of {len(rows):,})" if len(rows) > len(shown) else ""
    axes.set(xlabel="predicted redshift", ylim=(len(shown) - 0.5, -0.5))
    axes.set_title(f"no known redshift{more}", loc="left")
    axes.grid(axis="y", color=style.PALE, lw=0.3)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(spaces), borderaxespad=0)
