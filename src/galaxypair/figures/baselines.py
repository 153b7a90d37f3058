"""Baselines beside zero-shot predictions: R2 and scatter of every property."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from galaxypair.figures import style
from galaxypair.figures.zeroshot import LOWEST_R2

COLUMNS = 3  # properties side by side
LABEL_IN, PANEL_IN, ROW_IN = 1.55, 1.75, 0.135  # names of the rows, a panel, a row of it
NAMES = {
    "photometry_knn_grz": "kNN: g, r, z",
    "photometry_mlp_grz": "MLP: g, r, z",
    "photometry_knn_grzw1": "kNN: g, r, z, W1",
    "photometry_mlp_grzw1": "MLP: g, r, z, W1",
    "resnet18_supervised": "ResNet-18: image",
    "conv_attention_supervised": "conv + attention: spectrum",
}
LOOKS = {  # of a baseline, by what it reads; the zero-shot ones have those of their pair of modalities
    "photometry": (style.INK, "v"),
    "image": (style.MODALITY_COLOURS["image"], "P"),
    "spectrum": (style.MODALITY_COLOURS["spectrum"], "P"),
}
METRICS = ("r2", "nmad")


@style.styled
def scores(metrics: pd.DataFrame) -> Figure:
    """Draw R2 and NMAD of baselines and zero-shot predictions with 68 % intervals.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/baselines_{which}.csv`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = metrics[metrics["metric"].isin(METRICS) & metrics["value"].notna()]
    if rows.empty:
        return style.empty("Nothing to compare: the catalogue has no magnitudes of these galaxies.")
    targets = list(rows["target"].drop_duplicates())
    methods = rows[["protocol", "reference", "query"]].drop_duplicates().apply(tuple, axis=1).tolist()
    across, down = min(COLUMNS, len(targets)), math.ceil(len(targets) / COLUMNS)
    height = down * len(METRICS) * (ROW_IN * len(methods) + 0.45)
    figure = style.new_figure(LABEL_IN + PANEL_IN * across, height, _sample(rows))
    grid = figure.subplots(down * len(METRICS), across, sharey=True, squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for place, target in enumerate(targets):
        own = rows[rows["target"] == target]
        for j, metric in enumerate(METRICS):
            axes = grid[place // COLUMNS * len(METRICS) + j, place % COLUMNS]
            axes.set_visible(True)
            _panel(axes, own[own["metric"] == metric], metric, methods)
            axes.set_xlabel("$R^2$" if metric == "r2" else f"$\\sigma_\\mathrm{{NMAD}}$ {_unit(target)}")
            axes.tick_params(labelleft=place % COLUMNS == 0)
        title = f"{style.label(target)}\nn = {own['n'].iloc[0]:,}"
        grid[place // COLUMNS * len(METRICS), place % COLUMNS].set_title(title, fontsize=7)
    return figure


def _unit(target: str) -> str:
    if target in ("z", "z_hp"):
        return "of $\\Delta z\\,/\\,(1+z)$"
    if target.startswith("log_"):
        return "[dex]"
    _, bracket, unit = style.label(target).partition("[")
    return bracket + unit


def _sample(rows: pd.DataFrame) -> str:
    counts = sorted({int(n) for n in rows["n"]})
    if len(counts) == 1:
        return style.count(counts[0], "test galaxies")
    return f"{counts[0]:,}\N{EN DASH}{counts[-1]:,} test galaxies"


def _panel(axes: Axes, rows: pd.DataFrame, metric: str, methods: list[tuple[str, str, str]]) -> None:
    known = rows.set_index(["protocol", "reference", "query"])
    for y, method in enumerate(methods):
        if method not in known.index:
            continue
        value, low, high = known.loc[method, ["value", "low", "high"]].to_numpy(float)
        colour, marker = _look(method)
        if metric == "r2" and value < LOWEST_R2:
            axes.plot(LOWEST_R2, y, marker="<", color=colour, ls="none")
            continue
        ends = np.nan_to_num(np.clip([[value - low], [high - value]], 0, None))
        axes.errorbar(value, y, xerr=ends, color=colour, marker=marker, ls="none", elinewidth=1)
    first = next((y for y, method in enumerate(methods) if method[0] not in NAMES), None)
    if first:  # baselines above, zero-shot below
        axes.axhline(first - 0.5, color=style.PALE, lw=0.6)
    if metric == "r2":
        axes.axvline(0, color=style.GREY, lw=0.8, ls=":")
        lowest = min(0, rows["low"].fillna(rows["value"]).min())
        axes.set_xlim(max(LOWEST_R2, lowest) - 0.06, 1.03)
    else:
        axes.set_xlim(0, 1.08 * rows["high"].fillna(rows["value"]).max() or 1)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="x", color=style.PALE, lw=0.4)
    axes.set_axisbelow(True)
    axes.set_yticks(range(len(methods)), [_name(method) for method in methods])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(methods) - 0.4, -0.6)


def _look(method: tuple[str, str, str]) -> tuple[str, str]:
    protocol, reference, query = method
    if protocol in NAMES:
        return LOOKS[reference]
    return style.PAIR_COLOURS[query, reference], style.PAIR_MARKERS[query, reference]


def _name(method: tuple[str, str, str]) -> str:
    protocol, reference, query = method
    return NAMES.get(protocol, f"zero-shot: {query} \N{RIGHTWARDS ARROW} {reference}")
