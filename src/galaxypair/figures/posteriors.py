"""Posteriors of properties: their calibration, and those of some galaxies."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from galaxypair import tables
from galaxypair.figures import style

DASHES = {"image": "-", "spectrum": "--", "both": "-."}
SHARES = np.linspace(0.01, 0.99, 99)  # of central intervals
LOWEST_SHOWN = 0.01  # of its maximum: the panel of an example ends where all its densities are lower
BANDS = {0.68: 1.0, 0.95: 1.96}  # standard deviations that hold so much of a normal distribution


@style.styled
def coverage(posteriors: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Draw the PIT, how many true values central intervals hold, and the CRPS; a row per property.

    Parameters
    ----------
    posteriors : pandas.DataFrame
        `metrics/posteriors.parquet`, see `tables.POSTERIOR_COLUMNS`.
    metrics : pandas.DataFrame
        `metrics/posteriors.csv`; its CRPS is drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if posteriors.empty:
        return style.empty("There is no posterior: too few galaxies of the test split have a property.")
    targets = list(posteriors["target"].drop_duplicates())
    note = style.count(posteriors["targetid"].nunique(), "test galaxies")
    figure = style.new_figure(style.PAGE_IN, 2.35 * len(targets) + 0.3, note)
    grid = figure.subplots(len(targets), 3, squeeze=False, width_ratios=(1.3, 1.3, 1))
    for (left, middle, right), target in zip(grid, targets, strict=True):
        own = posteriors[posteriors["target"] == target]
        spaces = [s for s in tables.SPACES if s in set(own["space"])]
        pits = {space: own.loc[own["space"] == space, "pit"].to_numpy() for space in spaces}
        fewest = min(len(pit) for pit in pits.values())
        _draw_histograms(left, pits, fewest)
        _draw_coverage(middle, pits, fewest)
        _draw_crps(right, metrics[metrics["target"] == target], spaces)
        left.set_title(style.label(target), loc="left")
        middle.set_title(f"n = {fewest:,}")
    for axes, text in zip(grid[-1], ("PIT", "nominal coverage", "CRPS"), strict=True):
        axes.set_xlabel(text)
    _legend(figure, [s for s in tables.SPACES if s in set(posteriors["space"])])
    return figure


def _draw_histograms(axes: Axes, pits: dict[str, np.ndarray], n: int) -> None:
    bins = int(np.clip(n // 25, 4, 20))  # so that a bin has some galaxies
    spread = np.sqrt((1 - 1 / bins) * bins / n)  # of the density of a bin, binomial
    _band(axes, np.array([0, 1]), np.ones(2), np.full(2, spread))
    axes.axhline(1, color=style.INK, lw=0.8, zorder=1)
    for space, pit in pits.items():
        density, edges = np.histogram(pit, bins, (0, 1), density=True)
        axes.stairs(
            density,
            edges,
            baseline=None,
            color=style.MODALITY_COLOURS[space],
            ls=DASHES[space],
            lw=1.2,
            zorder=3,
        )
    axes.set(xlim=(0, 1), ylabel="density")
    axes.set_ylim(0, max(axes.get_ylim()[1], 1.5))


def _draw_coverage(axes: Axes, pits: dict[str, np.ndarray], n: int) -> None:
    _band(axes, SHARES, np.zeros(len(SHARES)), np.sqrt(SHARES * (1 - SHARES) / n))
    axes.axhline(0, color=style.INK, lw=0.8, zorder=1)
    for space, pit in pits.items():
        half = np.sort(np.abs(pit - 0.5))
        held = np.searchsorted(half, SHARES / 2, side="right") / len(pit)
        axes.plot(SHARES, held - SHARES, color=style.MODALITY_COLOURS[space], ls=DASHES[space], zorder=3)
    largest = max(0.02, *(abs(v) * 1.08 for v in axes.get_ylim()))
    axes.set(xlim=(0, 1), ylim=(-largest, largest), ylabel="coverage \N{MINUS SIGN} nominal")


def _band(axes: Axes, x: np.ndarray, middle: np.ndarray, spread: np.ndarray) -> None:
    for width in BANDS.values():
        axes.fill_between(
            x, middle - width * spread, middle + width * spread, color=style.PALE, alpha=0.6, lw=0, zorder=0
        )


def _draw_crps(axes: Axes, metrics: pd.DataFrame, spaces: list[str]) -> None:
    found = metrics.set_index(["query", "metric"])
    for i, space in enumerate(spaces):
        row = found.loc[(space, "crps")]
        bars = np.clip([[row["value"] - row["low"]], [row["high"] - row["value"]]], 0, None)
        axes.errorbar(row["value"], i, xerr=bars, marker="o", color=style.MODALITY_COLOURS[space])
    chance = found.loc[(spaces[0], "chance_crps"), "value"]
    axes.axvline(chance, color=style.GREY, lw=0.8, ls=":")
    axes.set_title(f"chance {chance:.3g}", loc="right", fontsize=7, color=style.GREY)
    axes.set_yticks(range(len(spaces)), spaces)
    axes.tick_params(axis="y", length=0)
    largest = max(chance, *found.xs("crps", level="metric")["high"])
    axes.set(xlim=(0, 1.08 * largest), ylim=(len(spaces) - 0.5, -0.5))


@style.styled
def examples(densities: pd.DataFrame) -> Figure:
    """Draw the posteriors of some galaxies, a row per property and a column per galaxy.

    Parameters
    ----------
    densities : pandas.DataFrame
        `metrics/posterior_examples.parquet`, see `tables.POSTERIOR_EXAMPLE_COLUMNS`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if densities.empty:
        return style.empty("There is no posterior: too few galaxies of the test split have a property.")
    targets = list(densities["target"].drop_duplicates())
    first = densities[densities["target"] == targets[0]].drop_duplicates("targetid").sort_values("y_true")
    rest = densities.drop_duplicates("targetid")
    galaxies = list(dict.fromkeys([*first["targetid"], *rest["targetid"]]))
    note = style.count(len(galaxies), "test galaxies")
    columns = min(3, len(galaxies))
    blocks = -(-len(galaxies) // columns)
    width = style.PAGE_IN if columns > 1 else style.COLUMN_IN
    figure = style.new_figure(width, 1.45 * blocks * len(targets) + 0.3, note)
    grid = figure.subplots(blocks * len(targets), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for i, targetid in enumerate(galaxies):
        for j, target in enumerate(targets):
            own = densities[(densities["targetid"] == targetid) & (densities["target"] == target)]
            axes = grid[i // columns * len(targets) + j, i % columns]
            if len(own):
                axes.set_visible(True)
                _draw_example(axes, own)
                axes.set_xlabel(style.label(target))
                if i % columns == 0:
                    axes.set_ylabel("posterior")
            if j == 0:
                axes.set_title(f"TARGETID {targetid}", fontsize=7, color=style.GREY)
    _legend(figure, [s for s in tables.SPACES if s in set(densities["space"])], truth=True)
    return figure


def _draw_example(axes: Axes, rows: pd.DataFrame) -> None:
    truth = rows["y_true"].iloc[0]
    edges = [truth]
    for space in (s for s in tables.SPACES if s in set(rows["space"])):
        own = rows[rows["space"] == space]
        height = own["density"] / own["density"].max()  # else a narrow one would flatten the others
        seen = own.loc[height > LOWEST_SHOWN, "y"]
        edges += [seen.min(), seen.max()]
        axes.plot(own["y"], height, color=style.MODALITY_COLOURS[space], ls=DASHES[space])
    axes.axvline(truth, color=style.INK, lw=0.9, zorder=1)
    pad = 0.05 * ((max(edges) - min(edges)) or 1)
    axes.set_xlim(min(edges) - pad, max(edges) + pad)
    axes.set_ylim(0, 1.08)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(4, prune="both"))


def _legend(figure: Figure, spaces: list[str], *, truth: bool = False) -> None:
    lines = [Line2D([], [], color=style.MODALITY_COLOURS[s], ls=DASHES[s], label=s) for s in spaces]
    if truth:
        lines.append(Line2D([], [], color=style.INK, lw=0.9, label="true value"))
    columns = 4 if figure.get_figwidth() > style.COLUMN_IN else 2
    figure.legend(handles=lines, loc="outside lower center", ncols=columns, frameon=False)
