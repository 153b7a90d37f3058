"""Morphology: how often people's answers are predicted, and which are taken for which."""

from collections.abc import Iterable

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.figures import style

MEASURES = {"accuracy": "accuracy", "weighted_f1": "weighted F1", "balanced_accuracy": "balanced accuracy"}
PROTOCOLS = {"morphology_mlp": ("o", "small network"), "morphology_knn": ("D", "nearest neighbours")}
MAJORITY = "majority_class"
SHOWN = "morphology_mlp"  # of which confusions are drawn
LONGEST = 22  # characters of an answer
CROWDED = 7  # more answers than this are written upright
_MARGIN_IN, _CELL_IN, _TALLEST_IN = 1.2, 0.3, 4.0


@style.styled
def overview(metrics: pd.DataFrame) -> Figure:
    """Draw the scores of every question and space with 68 % intervals.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/morphology.csv`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    questions = list(metrics["target"].drop_duplicates())
    most = metrics.groupby("target", sort=False)["n"].max()
    counts = sorted({int(n) for n in metrics["n"]})
    sizes = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,}\N{EN DASH}{counts[-1]:,}"
    figure = style.new_figure(style.PAGE_IN, 1.0 + 0.42 * len(questions), f"{sizes} test galaxies")
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    for axes, (name, text) in zip(panels, MEASURES.items(), strict=True):
        rows = metrics[metrics["metric"] == name]
        for j, space in enumerate(tables.SPACES):
            y = np.arange(len(questions)) + 0.27 * (j - 1)
            _draw_space(axes, rows[rows["query"] == space], questions, y, style.MODALITY_COLOURS[space])
        for edge in np.arange(len(questions) - 1) + 0.5:
            axes.axhline(edge, color=style.PALE, lw=0.5)
        axes.set(xlabel=text, xlim=(min(0, axes.get_xlim()[0]), 1.03), ylim=(len(questions) - 0.5, -0.5))
        axes.tick_params(axis="y", length=0)
    named = [f"{style.label(q.replace('-', ' '))}\nn = {most[q]:,}" for q in questions]
    panels[0].set_yticks(range(len(questions)), named)
    figure.legend(handles=_legend(metrics), loc="outside lower center", ncols=6, handletextpad=0.3)
    return figure


def _draw_space(axes: Axes, rows: pd.DataFrame, questions: list[str], y: np.ndarray, colour: str) -> None:
    def of(protocol: str) -> pd.DataFrame:
        return rows[rows["protocol"] == protocol].set_index("target").reindex(questions)

    blind = of(MAJORITY)["value"].to_numpy()
    axes.plot(blind, y, ls="none", marker="|", ms=9, mew=1, color=style.INK, zorder=3)
    for (protocol, (marker, _)), shift in zip(PROTOCOLS.items(), (-0.06, 0.06), strict=True):
        own = of(protocol)
        value = own["value"].to_numpy()
        bars = np.clip([value - own["low"], own["high"] - value], 0, None)
        face = colour if protocol == SHOWN else "white"
        axes.errorbar(
            value, y + shift, xerr=bars, ls="none", marker=marker, ms=3.2, mfc=face, mew=0.8,
            color=colour, elinewidth=0.9,
        )  # fmt: skip


def _legend(metrics: pd.DataFrame) -> list[Line2D]:
    look = {"ls": "none", "ms": 4, "color": style.INK}
    spaces = [
        Line2D([], [], ls="none", marker="s", ms=4, color=style.MODALITY_COLOURS[space], label=space)
        for space in tables.SPACES
        if (metrics["query"] == space).any()
    ]
    protocols = [
        Line2D([], [], marker=marker, mfc=style.INK if name == SHOWN else "white", label=text, **look)
        for name, (marker, text) in PROTOCOLS.items()
    ]
    blind = Line2D([], [], marker="|", label="commonest answer", **{**look, "ms": 8})
    return [*spaces, *protocols, blind]


def find_question(name: str, known: Iterable[str]) -> str:
    """Find the question that a figure's name stands for.

    Parameters
    ----------
    name : str
        The question, its hyphens perhaps written as underscores.
    known : iterable of str

    Returns
    -------
    str

    Raises
    ------
    DataError
        If there is none.
    """
    known = list(known)
    for question in known:
        if name in (question, question.replace("-", "_")):
            return question
    raise DataError(
        f"There is no question `{name}` to draw. Known here: {', '.join(q.replace('-', '_') for q in known)}."
    )


@style.styled
def confusion(predictions: pd.DataFrame, labels: pd.DataFrame, question: str) -> Figure:
    """Draw what share of the galaxies with each answer the network gave which answer.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `metrics/morphology_predictions.parquet`.
    labels : pandas.DataFrame
        question and answer of `morphology/labels.parquet`, which know the order of the answers.
    question : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = predictions[(predictions["question"] == question) & (predictions["protocol"] == SHOWN)]
    asked = question.replace("-", " ")
    if rows.empty:
        return style.empty(f"Too few galaxies have enough votes to predict: {asked}.")
    order = labels.loc[labels["question"] == question, "answer"].astype(str).drop_duplicates()
    answers = [a for a in order if (rows["label"] == a).any() or (rows["predicted"] == a).any()]
    spaces = [space for space in tables.SPACES if (rows["space"] == space).any()]
    width = (style.PAGE_IN - _MARGIN_IN) / len(tables.SPACES) * len(spaces) + _MARGIN_IN
    height = float(np.clip(0.95 + _CELL_IN * len(answers), 1.9, _TALLEST_IN))
    note = f"{asked}: {style.count(rows['targetid'].nunique(), 'test galaxies')}"
    figure = style.new_figure(width, height, note)
    panels = figure.subplots(1, len(spaces), sharey=True, squeeze=False)[0]
    counts = {space: _counts(rows[rows["space"] == space], answers) for space in spaces}
    for axes, space in zip(panels, spaces, strict=True):
        shown = _draw_confusion(axes, counts[space])
        axes.set_title(f"{space}, n = {counts[space].sum():,}")
        names = [_short(answer) for answer in answers]
        upright = len(answers) > CROWDED
        look = {} if upright else {"ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(len(answers)), names, rotation=90 if upright else 40, **look)
    sizes = counts[spaces[0]].sum(axis=1)
    same = all((counts[space].sum(axis=1) == sizes).all() for space in spaces)
    ticks = [f"{_short(a)} ({n:,})" if same else _short(a) for a, n in zip(answers, sizes, strict=True)]
    panels[0].set_yticks(range(len(answers)), ticks)
    panels[0].set_ylabel("most votes")
    figure.supxlabel("predicted", fontsize=8)
    figure.colorbar(shown, ax=panels, pad=0.02, aspect=18, label="share of the row", ticks=(0, 0.5, 1))
    return figure


def _counts(rows: pd.DataFrame, answers: list[str]) -> np.ndarray:
    true, predicted = (pd.Categorical(rows[c].astype(str), answers).codes for c in ("label", "predicted"))
    n = len(answers)
    return np.bincount(true.astype(int) * n + predicted, minlength=n * n).reshape(n, n)


def _draw_confusion(axes: Axes, counts: np.ndarray) -> mpl.image.AxesImage:
    n_rows = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, n_rows, out=np.full(counts.shape, np.nan), where=n_rows > 0)
    shown = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, origin="upper", aspect="auto")
    axes.tick_params(length=0)
    size = 6 if len(counts) > CROWDED else 7
    for (i, j), value in np.ndenumerate(share):
        if value >= 0.005 and len(counts) <= 12:  # beyond, numbers would not be legible
            colour = "white" if value > 0.6 else style.INK
            axes.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=size, color=colour)
    return shown


def _short(answer: str) -> str:
    return answer if len(answer) <= LONGEST else f"{answer[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
