"""Published, reproduced and own scores, row by row."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from galaxypair.figures import style

ROW_IN = 0.135  # height of a row
GAP_ROWS = 1.6  # between panels, in rows
LOWEST = -0.5  # scores below are drawn here, as arrows
METRICS = {"r2": "$R^2$", "accuracy": "accuracy"}
GROUPS = {  # protocol -> title of its panel
    "rep": "REP: k = 16",
    "v2": "v2: k = 64, standardised",
    "adn": "ADN: mean of 16, self included",
    "few_shot_mlp": "Network on embeddings",
    "photometry_mlp_grz": "Supervised, without embeddings",
    "resnet18_supervised": "Supervised, without embeddings",
    "conv_attention_supervised": "Supervised, without embeddings",
    "not stated": "Protocol not stated",
    "morphology_mlp": "Galaxy Zoo: on embeddings",
    "supervised": "Galaxy Zoo: supervised",
}
MODELS = {
    "photometry_mlp_grz": "network on g, r, z",
    "resnet18_supervised": "ResNet-18",
    "conv_attention_supervised": "conv. + attention",
}
TARGETS = {
    "z": "z",
    "log_mstar": r"$\log\,M_{\bigstar}$",
    "log_z_mw": r"$\log\,Z_{\rm MW}$",
    "tage_mw": "age",
    "ln_avg_sfr_over_z_mw": r"$\ln\,({\rm SFR}/Z_{\rm MW})$",
    "properties": "properties",
    "morphology": "questions",
}


@style.styled
def rows(table: pd.DataFrame) -> Figure:
    """Draw a row per published value, in a column of panels per metric, grouped by protocol.

    Parameters
    ----------
    table : pandas.DataFrame
        `tables.COMPARE_COLUMNS`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = table.assign(group=table["protocol"].map(GROUPS))
    columns = [[g for _, g in part.groupby("group", sort=False)] for part in _halves(table)]
    counts = [sum(len(g) + GAP_ROWS for g in groups) for groups in columns]
    height = max(counts) * ROW_IN + 0.75
    figure = style.new_figure(style.PAGE_IN, height, _note(table), fixed=True)
    for i, groups in enumerate(columns):
        top = 0.1
        for j, group in enumerate(groups):
            axes = style.place(figure, 1.68 + 3.5 * i, top + 0.14, 1.74, len(group) * ROW_IN)
            below = groups[j + 1]["metric"].iloc[0] if j + 1 < len(groups) else None
            closes = below != group["metric"].iloc[0]  # the last panel of its metric has the axis
            _panel(axes, group, closes=closes)
            top += (len(group) + (GAP_ROWS + 2 if closes else GAP_ROWS)) * ROW_IN
    figure.legend(handles=_handles(table), loc="lower center", ncols=4, frameon=False)
    return figure


def _halves(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Cut the table between two groups, near its middle."""
    order = {name: i for i, name in enumerate(table["group"].drop_duplicates())}
    table = table.sort_values("group", key=lambda g: g.map(order), kind="stable")
    starts = np.flatnonzero(table["group"].ne(table["group"].shift()).to_numpy())
    cut = starts[np.argmin(np.abs(starts - len(table) / 2))]
    return [table.iloc[:cut], table.iloc[cut:]]


def _note(table: pd.DataFrame) -> str:
    filled = table["ours"].notna()
    if not filled.any():
        return f"ours: not filled in ({table['reason'].iloc[0]})"
    n = table.loc[filled, "n"].astype(int)
    return f"ours: {n.min():,} to {n.max():,} test galaxies, by row"


def _panel(axes: Axes, group: pd.DataFrame, *, closes: bool) -> None:
    axes.set_title(group["group"].iloc[0], fontsize=7, loc="left", pad=2)
    y = np.arange(len(group))
    for column, look in (("published", PUBLISHED), ("reproduced", REPRODUCED)):
        values = group[column].to_numpy(float)
        axes.plot(np.maximum(values, LOWEST), y, ls="none", **look)
    own = group["ours"].to_numpy(float)
    if np.isfinite(own).any():
        limits = group[["low", "high"]].to_numpy(float)
        axes.plot(np.maximum(own, LOWEST), y, ls="none", **OURS)
        axes.plot(own[own < LOWEST] * 0 + LOWEST, y[own < LOWEST], "<", ms=4, color=OURS["color"])
        axes.hlines(y, *np.maximum(limits, LOWEST).T, color=OURS["color"], lw=1)
    axes.barh(y[~np.isfinite(own)], 1 - LOWEST, 0.86, LOWEST, color=style.PALE, alpha=0.35, zorder=0, lw=0)
    labels = [_label(row) for row in group.itertuples()]
    axes.set(yticks=y, ylim=(len(group) - 0.5, -0.5), xlim=(LOWEST - 0.03, 1.03))
    axes.set_yticklabels(labels, fontsize=6)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelbottom=closes, labelsize=6)
    axes.grid(axis="x", color=style.PALE, lw=0.4)
    if closes:
        axes.set_xlabel(METRICS[group["metric"].iloc[0]], fontsize=7, labelpad=1)


def _label(row: tuple) -> str:
    target = TARGETS.get(row.target, row.target)
    if row.protocol in MODELS:
        return f"{target}, {MODELS[row.protocol]}"
    if row.protocol == "supervised":
        return f"{target}, {row.model}"
    pair = row.query if row.query == row.reference else f"{row.query}\N{RIGHTWARDS ARROW}{row.reference}"
    other = "" if row.model == "AstroCLIP" else f" ({row.model})"
    return f"{target}, {pair}{other}"


PUBLISHED = {"marker": "D", "ms": 3.2, "color": style.INK, "mew": 0}
REPRODUCED = {"marker": "o", "ms": 3.6, "mfc": "none", "mec": style.INK, "mew": 0.7}
OURS = {"marker": "s", "ms": 3, "color": style.MODALITY_COLOURS["spectrum"], "mew": 0}


def _handles(table: pd.DataFrame) -> list[Line2D]:
    handles = [
        Line2D([], [], ls="none", label="published", **PUBLISHED),
        Line2D([], [], ls="none", label="reproduced by others", **REPRODUCED),
    ]
    if table["ours"].notna().any():
        handles.append(Line2D([], [], ls="none", label="this run", **OURS))
    handles.append(Line2D([], [], lw=6, color=style.PALE, alpha=0.6, label="no value of this run"))
    return handles
