"""Redshifts that the encoders read off by themselves, and whether their confidence holds."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from galaxypair import tables
from galaxypair.figures import style

OUTLIER = 0.05  # |z - z_true| / (1 + z_true) of a wrong redshift, as in the confidence
BINS = np.linspace(0, 1, 11)
HEADROOM = 0.24  # of a panel's height, above the highest redshift: for the scores, which then hide no galaxy
MIN_IN_BIN = 5  # galaxies; of fewer, a share tells nothing
CONFIDENCE = ListedColormap(mpl.colormaps["viridis_r"](np.linspace(0.08, 1, 256)))  # the confident ones dark
METRICS = {"nmad": "NMAD", "outlier_fraction": "outliers", "confident_outlier_fraction": "if confident"}


@style.styled
def panels(readout: pd.DataFrame, metrics: pd.DataFrame, properties: pd.DataFrame) -> Figure:
    """Draw redshifts read against true ones, and the share of right ones against the confidence.

    Parameters
    ----------
    readout : pandas.DataFrame
        `readout/test.parquet`, see `tables.READOUT_COLUMNS`.
    metrics : pandas.DataFrame
        `metrics/readout.csv`; its numbers are printed, none is computed here.
    properties : pandas.DataFrame
        targetid, z.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = readout.merge(properties[["targetid", "z"]].dropna(), on="targetid")
    spaces = [space for space in tables.SPACES if rows[f"z_{space}"].notna().any()]
    if not spaces:
        return style.empty("No galaxy of the test split has both a known redshift and a readout.")
    rows = rows[rows[[f"z_{space}" for space in spaces]].notna().any(axis=1)]
    width = style.PAGE_IN * (0.16 + 0.28 * len(spaces))
    figure = style.new_figure(width, 5.0, style.count(len(rows), "test galaxies"))
    upper, lower = figure.subplots(
        2, len(spaces), sharex="row", sharey="row", squeeze=False, height_ratios=(1 + HEADROOM, 1)
    )
    values = rows[["z", *(f"z_{space}" for space in spaces)]].to_numpy()
    pad = 0.04 * max(np.nanmax(values) - np.nanmin(values), 0.02)
    limits = np.nanmin(values) - pad, np.nanmax(values) + pad
    for i, space in enumerate(spaces):
        own = rows[rows[f"z_{space}"].notna()]
        points = _draw_against_truth(upper[i], own, space, limits)
        _print(upper[i], metrics[(metrics["query"] == space) & (metrics["target"] == "z")])
        _draw_reliability(lower[i], own, space)
    upper[0].set_ylabel("redshift read off")
    lower[0].set_ylabel("share of right redshifts")
    place = {"fraction": 0.03, "pad": 0.01, "shrink": 0.45, "anchor": (0, 1)}
    bar = figure.colorbar(points, ax=[*upper, *lower], label="confidence", **place)
    bar.solids.set_rasterized(True)
    return figure


def _draw_against_truth(
    axes: Axes, rows: pd.DataFrame, space: str, limits: tuple[float, float]
) -> PathCollection:
    axes.plot(limits, limits, color=style.MARK, lw=0.8, zorder=0)
    rows = rows.sort_values(f"confidence_{space}")
    size = np.clip(6000 / len(rows), 1.5, 12)
    points = axes.scatter(
        rows["z"], rows[f"z_{space}"], s=size, c=rows[f"confidence_{space}"], vmin=0, vmax=1,
        cmap=CONFIDENCE, lw=0, rasterized=True,
    )  # fmt: skip
    top = limits[1] + HEADROOM * (limits[1] - limits[0])
    axes.set(xlim=limits, ylim=(limits[0], top), box_aspect=1 + HEADROOM, xlabel="true redshift")
    axes.set_title(f"{'image and spectrum' if space == 'both' else space} (n = {len(rows):,})")
    return points


def _print(axes: Axes, scores: pd.DataFrame) -> None:
    found = scores.set_index("metric")
    lines = [
        f"{name} {style.interval(*found.loc[metric, ['value', 'low', 'high']])}"
        for metric, name in METRICS.items()
        if metric in found.index
    ]
    axes.text(0.03, 0.98, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=6)


def _draw_reliability(axes: Axes, rows: pd.DataFrame, space: str) -> None:
    confidence = rows[f"confidence_{space}"].to_numpy()
    right = (np.abs(rows[f"z_{space}"] - rows["z"]) / (1 + rows["z"]) < OUTLIER).to_numpy()
    place = np.clip(np.digitize(confidence, BINS) - 1, 0, len(BINS) - 2)
    count, good, total = (np.bincount(place, weight, len(BINS) - 1) for weight in (None, right, confidence))
    axes.stairs(count / len(rows), BINS, color=style.PALE, fill=True, zorder=0)
    axes.plot([0, 1], [0, 1], color=style.MARK, lw=0.8, zorder=1)
    used = count >= MIN_IN_BIN
    n, share = count[used], good[used] / count[used]
    # Wilson's interval of one standard deviation: also of shares of 0 and 1
    middle, half = (
        (share + 0.5 / n) / (1 + 1 / n),
        np.sqrt(share * (1 - share) / n + 0.25 / n**2) / (1 + 1 / n),
    )
    bars = np.clip([share - (middle - half), middle + half - share], 0, None)
    colour = style.MODALITY_COLOURS[space]
    axes.errorbar(total[used] / n, share, bars, ls="none", marker="o", ms=3.5, color=colour, elinewidth=0.9)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), box_aspect=1, xlabel="confidence")
