"""Zero-shot scores of the same embeddings under several protocols."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from galaxypair.figures import style

METRICS = {"r2": "$R^2$", "nmad": r"$\sigma_\mathrm{NMAD}$"}
LOWEST_R2 = -0.5  # scores further below 0 are drawn here, as arrows: how bad hardly matters
SPREAD = 0.7  # of a row's height, over its protocols
ROW_IN = {True: 0.3, False: 0.2}  # of a pair; lower where more than three properties share the page
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")  # by protocol, as the colours
LEAK = "X"
WEIGHTS = {"distance": "inverse distance", "uniform": "all alike"}
POOLS = {
    "train_to_test": "train to test split",
    "within_test": "within the test split",
    "within_test_with_self": "test split among itself",
}


@style.styled
def side_by_side(metrics: pd.DataFrame, records: dict[str, dict]) -> Figure:
    """Draw R2 and NMAD of every property and pair of modalities, a mark per protocol.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/protocols.csv`.
    records : dict of str to dict
        `metrics/protocols.json`: k, galaxies and settings of each, for the legend.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = metrics[metrics["metric"].isin(METRICS) & metrics["value"].notna()]
    if rows.empty:
        return style.empty("No property could be predicted: no galaxy of the test split has one.")
    targets = list(rows["target"].drop_duplicates())
    found = set(zip(rows["query"], rows["reference"], strict=True))
    pairs = [pair for pair in style.PAIR_COLOURS if pair in found]
    looks = _looks(list(rows["protocol"].drop_duplicates()), records)
    height = len(targets) * (ROW_IN[len(targets) <= 3] * len(pairs) + 0.42) + 0.16 * (len(records) + 1)
    note = f"at most {style.count(int(rows['n'].max()), 'test galaxies')}, by protocol"
    figure = style.new_figure(style.PAGE_IN, height, note)
    figure.get_layout_engine().set(wspace=0.06, hspace=0.04)
    grid = figure.subplots(len(targets), len(METRICS), squeeze=False)
    for panels, target in zip(grid, targets, strict=True):
        for axes, metric in zip(panels, METRICS, strict=True):
            own = rows[(rows["target"] == target) & (rows["metric"] == metric)]
            _draw(axes, own, pairs, looks)
            _frame(axes, metric)
            axes.set_yticks(range(len(pairs)), [f"{q} \N{RIGHTWARDS ARROW} {r}" for q, r in pairs])
            axes.set_ylim(len(pairs) - 0.5, -0.5)
            for edge in np.arange(len(pairs) - 1) + 0.5:
                axes.axhline(edge, color=style.PALE, lw=0.5)
            axes.set_title(style.label(target))
        panels[1].tick_params(labelleft=False)
    for axes, name in zip(grid[-1], METRICS.values(), strict=True):
        axes.set_xlabel(name)
    handles = [
        Line2D([], [], ls="none", label=_describe(name, records[name]), **looks[name]) for name in looks
    ]
    left_out = [name for name, record in records.items() if "left_out" in record]
    if left_out:
        text = f"{', '.join(left_out)}: too few galaxies, left out"
        handles.append(Line2D([], [], ls="none", label=text))
    figure.legend(handles=handles, loc="outside lower center", ncols=1)
    return figure


def _looks(names: list[str], records: dict[str, dict]) -> dict[str, dict]:
    looks = {}
    for i, name in enumerate(names):
        leaks = records[name]["settings"]["pool"] == "within_test_with_self"
        colour = style.CLUSTER_COLOURS[i % len(style.CLUSTER_COLOURS)]
        looks[name] = {"color": style.UNSEEN, "marker": LEAK, "mfc": "none"} if leaks else {
            "color": colour, "marker": MARKERS[i % len(MARKERS)], "mfc": colour,
        }  # fmt: skip
    return looks


def _draw(axes: Axes, rows: pd.DataFrame, pairs: list[tuple[str, str]], looks: dict[str, dict]) -> None:
    step = SPREAD / max(len(looks), 1)
    for j, (name, look) in enumerate(looks.items()):
        own = rows[rows["protocol"] == name].set_index(["query", "reference"]).reindex(pairs)
        value = own["value"].to_numpy()
        y = np.arange(len(pairs)) + (j - (len(looks) - 1) / 2) * step
        off = (value < LOWEST_R2) & (own["metric"] == "r2").to_numpy()
        bars = np.nan_to_num(np.clip([value - own["low"], own["high"] - value], 0, None))
        axes.errorbar(np.where(off, np.nan, value), y, xerr=bars, ls="none", elinewidth=1, ms=3, **look)
        axes.plot(np.full(off.sum(), LOWEST_R2), y[off], ls="none", **{**look, "marker": "<"})


def _frame(axes: Axes, metric: str) -> None:
    axes.tick_params(axis="y", length=0)
    if metric == "r2":
        low, high = axes.get_xlim()
        if low < 0:
            axes.axvline(0, color=style.GREY, lw=0.8, ls=":")
        axes.set_xlim(max(low, LOWEST_R2 - 0.05), min(high, 1.02))
    else:
        axes.set_xlim(0, None)


def _describe(name: str, record: dict) -> str:
    settings = record["settings"]
    words = [
        f"k = {record['k']}" + (" (chosen)" if record["validation"] else ""),
        WEIGHTS[settings["weights"]],
        f"{settings['vectors']} vectors",
        POOLS[settings["pool"]] + (", matched" if settings["sample"] == "catalogue" else ""),
        f"{record['queries']:,} queries, {record['references']:,} references",
    ]
    leak = settings["pool"] == "within_test_with_self"
    return f"{name}: {'; '.join(words)}" + ("; LEAK: its own neighbour" if leak else "")
