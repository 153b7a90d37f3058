"""Ablation: every trial of every variant, beside the run as it is configured."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from galaxypair import ablation, tables
from galaxypair.figures import style

SPREAD = 0.62  # of a row's height, over its pairs of modalities
LOWEST_R2 = -0.5  # scores further below 0 are drawn here, as arrows: how bad hardly matters


@style.styled
def dots(values: pd.DataFrame, variants: list[str]) -> Figure:
    """Draw a panel per kind of score, a row per variant, and a dot per trial.

    Parameters
    ----------
    values : pandas.DataFrame
        `tables.ABLATION_COLUMNS`.
    variants : list of str
        In the order of the rows; the first is the run as it is configured.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels: dict[tuple[str, str], list] = {}
    for metric, target, reference, query in ablation.shown(values):
        if query:
            panels.setdefault((metric, target), []).append((query, reference))
    panels = dict(sorted(panels.items(), key=lambda panel: panel[0][0] == "nmad"))  # what is best high, first
    counts = sorted(values["n"].dropna().astype(int).unique())
    sizes = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,}\N{EN DASH}{counts[-1]:,}"
    seeds = ", ".join(map(str, sorted(values["seed"].unique())))
    note = f"{sizes} test galaxies; seeds {seeds}"
    # three panels beside each other, so that their ticks can be read
    n_rows = -(-len(panels) // 3)
    height = n_rows * (0.45 + 0.27 * len(variants)) + 0.4
    figure = style.new_figure(style.PAGE_IN, height, note)
    axes = figure.subplots(n_rows, 3, sharey=True, squeeze=False)
    for panel, ((metric, target), pairs) in zip(axes.flat, panels.items(), strict=False):
        own = values[(values["metric"] == metric) & (values["target"] == target)]
        _panel(panel, own, variants, pairs)
        panel.set_xlabel(_label(metric, target))
    for panel in axes.flat[len(panels) :]:
        panel.remove()
    for row in axes:
        row[0].set_yticks(range(len(variants)), [name.replace("_", " ") for name in variants])
        row[0].set_ylim(len(variants) - 0.5, -0.5)
    figure.legend(
        handles=[_handle(*pair) for pair in itertools.product(tables.MODALITIES, repeat=2)],
        loc="outside lower center", ncols=4,
        title="query \N{RIGHTWARDS ARROW} reference",
    ).get_title().set_fontsize(7)  # fmt: skip
    return figure


def _panel(axes: Axes, own: pd.DataFrame, variants: list[str], pairs: list[tuple[str, str]]) -> None:
    r2 = own["metric"].iloc[0] == "r2"
    for j, (query, reference) in enumerate(pairs):
        of_pair = own[(own["query"] == query) & (own["reference"] == reference)]
        offset = SPREAD * ((j + 0.5) / len(pairs) - 0.5)
        colour, marker = style.PAIR_COLOURS[query, reference], style.PAIR_MARKERS[query, reference]
        means = of_pair.groupby("variant")["value"].mean().reindex(variants)
        if np.isfinite(means.iloc[0]):
            axes.axvline(max(means.iloc[0], LOWEST_R2) if r2 else means.iloc[0], color=colour, lw=0.6)
        y = np.array([variants.index(name) for name in of_pair["variant"]]) + offset
        x = of_pair["value"].to_numpy()
        seen = ~(r2 & (x < LOWEST_R2))
        axes.plot(x[seen], y[seen], ".", ms=3.5, mew=0, color=colour)
        mean, rows = means.to_numpy(), np.arange(len(variants)) + offset
        off = r2 & (mean < LOWEST_R2)
        axes.plot(mean[~off], rows[~off], marker, ms=3.2, mew=0.7, mfc="none", mec=colour)
        axes.plot(np.full(off.sum(), LOWEST_R2), rows[off], "<", ms=3.2, color=colour)
    for edge in np.arange(len(variants) - 1) + 0.5:
        axes.axhline(edge, color=style.PALE, lw=0.5, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(axis="y", length=0)


def _label(metric: str, target: str) -> str:
    name = {"r2": "$R^2$", "nmad": "NMAD"}.get(metric, metric)
    return name if target == "pair" else f"{name}, {style.label(target)}"


def _handle(query: str, reference: str) -> Line2D:
    pair = query, reference
    return Line2D(
        [], [], ls="none", marker=style.PAIR_MARKERS[pair], mfc="none", mec=style.PAIR_COLOURS[pair], ms=4,
        label=f"{query} \N{RIGHTWARDS ARROW} {reference}",
    )  # fmt: skip
