"""How good retrieval is: recall of the counterpart, and agreement of neighbours."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galaxypair import metrics as measures
from galaxypair.figures import style

ARROW = " \N{RIGHTWARDS ARROW} "
RECALL = r"(chance_)?recall@(\d+)"
RANKED = r"(nmad|close_fraction)_rank_(\d+)"
NOBODY = "No galaxy of the test split has both an image and a spectrum."


@style.styled
def recall(metrics: pd.DataFrame) -> Figure:
    """Draw the share of queries whose other half is among the k nearest, with 68 % intervals.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/retrieval.csv`: metric rows `recall@k`, `chance_recall@k` and `median_rank`.

    Returns
    -------
    matplotlib.figure.Figure
        Shares below half a galaxy of the sample, as 0, are drawn at the lower edge.
    """
    parsed = metrics["metric"].str.extract(f"^{RECALL}$")
    rows = metrics.assign(chance=parsed[0].notna(), k=pd.to_numeric(parsed[1])).dropna(subset=["k", "value"])
    rows = rows[rows["query"] != rows["reference"]].sort_values("k")
    if rows.empty:
        return style.empty(NOBODY)
    n = int(rows["n"].max())
    rows = rows[(rows["k"] < n) | (rows["k"].min() >= n)]  # among all, each is found
    figure = style.new_figure(style.COLUMN_IN, 2.7, f"{style.count(n, 'test galaxies')} with both")
    axes = figure.subplots()
    floor = 0.5 / n
    for pair, own in rows[~rows["chance"]].groupby(["query", "reference"]):
        value, low, high = (own[c].clip(lower=floor) for c in ("value", "low", "high"))
        bars = np.nan_to_num(np.clip([value - low, high - value], 0, None))
        colour, marker = style.MODALITY_COLOURS[pair[0]], style.PAIR_MARKERS[pair]
        text = f"{ARROW.join(pair)}{_median_rank(metrics, pair)}"
        axes.errorbar(own["k"], value, bars, color=colour, marker=marker, capsize=2, label=text)
    chance = rows[rows["chance"]].drop_duplicates("k")
    if not chance.empty:
        axes.plot(chance["k"], chance["value"], color=style.MARK, lw=0.8, ls=":", label="random guess")
        edges = [chance[c].fillna(chance["value"]).clip(lower=floor) for c in ("low", "high")]
        axes.fill_between(chance["k"], *edges, color=style.MARK, alpha=0.15, lw=0)
    axes.set(xscale="log", yscale="log", xlabel="k nearest", ylabel="recall@k")
    axes.set_ylim(floor, 1.1)
    _rank_ticks(axes, rows["k"])
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    _legend(figure, axes, columns=1)
    return figure


def _median_rank(metrics: pd.DataFrame, pair: tuple[str, str]) -> str:
    own = metrics[(metrics["query"] == pair[0]) & (metrics["reference"] == pair[1])]
    found = own[own["metric"] == "median_rank"]
    if found.empty:
        return ""
    rank = found.iloc[0]
    limits = f" [{rank['low']:,.0f}, {rank['high']:,.0f}]" if np.isfinite(rank["low"]) else ""
    return f": median rank {rank['value']:,.0f}{limits}"


@style.styled
def agreement(metrics: pd.DataFrame) -> Figure:
    """Draw how far neighbours differ from the query in each property, by rank.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/agreement.csv`, see `tables`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    parsed = metrics["metric"].str.extract(f"^{RANKED}$")
    rows = metrics.assign(kind=parsed[0], rank=pd.to_numeric(parsed[1])).sort_values("rank", kind="stable")
    random = metrics[metrics["metric"].str.startswith("random_")]
    if rows["kind"].isna().all():
        return style.empty("No galaxy of the test split has both modalities and a known property.")
    targets = list(metrics["target"].drop_duplicates())
    note = f"{style.count(int(metrics['n'].max()), 'test galaxies')} with both"
    height = 0.7 + 1.15 * len(targets)
    figure = style.new_figure(style.PAGE_IN, height, note)
    panels = figure.subplots(len(targets), 2, sharex=True, squeeze=False)
    for target, (scatter, close) in zip(targets, panels, strict=True):
        own, guess = rows[rows["target"] == target], random[random["target"] == target]
        _draw_by_rank(scatter, own, guess, "nmad")
        scatter.set_title(style.label(target), loc="left", pad=3)
        scatter.set_ylabel(r"$\sigma_{\rm NMAD}$")
        scatter.set_ylim(0, None)
        if (own["kind"] == "close_fraction").any():
            _draw_by_rank(close, own, guess, "close_fraction")
            close.set_ylim(0, 1.05)
            close.set_ylabel("close")
            close.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
            close.set_title(_close(target), loc="left", pad=3)
        else:
            close.set_axis_off()
    for axes in panels[-1]:
        axes.set_xlabel("rank of the neighbour")
    _legend(figure, panels[0][0], columns=5)
    return figure


def _close(target: str) -> str:
    if target.startswith("log_"):
        return f"within {measures.CLOSE_DEX:g} dex"
    return rf"$|\Delta z|\,/\,(1+z) \leq {measures.REDSHIFT_OUTLIER:g}$"


def _draw_by_rank(axes: Axes, rows: pd.DataFrame, random: pd.DataFrame, kind: str) -> None:
    rows = rows[rows["kind"] == kind]
    for i, (pair, own) in enumerate(rows.groupby(["query", "reference"])):
        bars = np.nan_to_num(np.clip([own["value"] - own["low"], own["high"] - own["value"]], 0, None))
        # side by side: four intervals at one rank would hide each other
        at = own["rank"] * 1.05 ** (i - 1.5)
        colour, marker = style.PAIR_COLOURS[pair], style.PAIR_MARKERS[pair]
        axes.errorbar(
            at, own["value"], bars, color=colour, marker=marker, ms=3, lw=0.9, label=ARROW.join(pair)
        )
    guess = random[random["metric"] == f"random_{kind}"].head(1)
    for row in guess.itertuples():
        axes.axhline(row.value, color=style.MARK, lw=0.8, ls=":", label="random pairs")
        axes.axhspan(row.low, row.high, color=style.MARK, alpha=0.15, lw=0)
    axes.set_xscale("log")
    if len(rows):
        _rank_ticks(axes, rows["rank"])


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    handles, texts = axes.get_legend_handles_labels()
    chance_last = sorted(range(len(texts)), key=lambda i: "random" in texts[i])
    figure.legend(
        [handles[i] for i in chance_last],
        [texts[i] for i in chance_last],
        loc="outside lower center",
        ncols=columns,
        borderaxespad=0.2,
    )


def _rank_ticks(axes: Axes, at: pd.Series) -> None:
    ticks = sorted(at.unique())
    axes.set_xticks(ticks, [f"{k:.0f}" for k in ticks])
    axes.set_xticks([], minor=True)
