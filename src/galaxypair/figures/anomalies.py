"""The first galaxies of the lists of anomalies and of suspected artefacts, and how much the lists find."""

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from galaxypair.figures import galaxies, style

COLUMNS = 2
CUTOUT_IN, LABEL_IN, BOTTOM_IN, GAP_IN, TICKS_IN = 0.82, 0.34, 0.54, 0.12, 0.3
LINE_CHARACTERS = 72  # that a label can have beside its neighbour
SMOOTH_BINS = 15
# both axes in one: beside the panels there is no room
AXES_LABEL = galaxies.FLUX_LABEL + "\n" + r"against observed wavelength [$\mathrm{\AA}$, vacuum]"
LOOKS = {  # protocol: (label, colour, marker)
    "artefact_list": ("artefact score", style.INK, "o"),
    "anomaly_list": ("anomaly score", style.MODALITY_COLOURS["both"], "s"),
    "image_distance_list": ("image distance", style.MODALITY_COLOURS["image"], "^"),
    "spectrum_distance_list": ("spectrum distance", style.MODALITY_COLOURS["spectrum"], "v"),
    "pair_distance_list": ("image against spectrum", style.PAIR_COLOURS["spectrum", "image"], "D"),
}


@style.styled
def anomalies(listed: pd.DataFrame, shown: Mapping[str, np.ndarray], n_galaxies: int) -> Figure:
    """Draw the most anomalous galaxies.

    Parameters
    ----------
    listed : pandas.DataFrame
        First rows of the list: anomaly_rank, targetid, anomaly_score, anomaly_of.
    shown : mapping of str to ndarray
        The same galaxies, see `io.read_gallery`.
    n_galaxies : int
        Of the test split.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if listed.empty:
        return style.empty("No galaxy of the test split has an anomaly score.")
    heads = [
        f"{rank}   score {value:.1f} ({part})"
        for rank, value, part in zip(
            listed["anomaly_rank"], listed["anomaly_score"], listed["anomaly_of"], strict=True
        )
    ]
    note = f"{_first(len(listed))} by anomaly score of {style.count(n_galaxies, 'test galaxies')}"
    return _gallery(heads, [""] * len(listed), shown, note)


@style.styled
def artefacts(listed: pd.DataFrame, shown: Mapping[str, np.ndarray], n_galaxies: int) -> Figure:
    """Draw the worst suspected artefacts.

    Parameters
    ----------
    listed : pandas.DataFrame
        First rows of the list: artefact_rank, targetid, artefact_score, reason.
    shown : mapping of str to ndarray
        The same galaxies, see `io.read_gallery`.
    n_galaxies : int
        Of the test split.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if listed.empty:
        return style.empty(f"None of {style.count(n_galaxies, 'test galaxies')} looks broken.")
    heads = [
        f"{rank}   score {value:,.1f}"
        for rank, value in zip(listed["artefact_rank"], listed["artefact_score"], strict=True)
    ]
    note = f"{_first(len(listed))} by artefact score of {style.count(n_galaxies, 'test galaxies')}"
    return _gallery(heads, list(listed["reason"]), shown, note)


def _first(n: int) -> str:
    return "the first" if n == 1 else f"the first {n}"


def _gallery(heads: list[str], reasons: list[str], shown: Mapping[str, np.ndarray], note: str) -> Figure:
    rows = -(-len(heads) // COLUMNS)
    label = LABEL_IN + (0.12 if any(reasons) else 0)
    pitch = label + CUTOUT_IN
    left = 0.06 + style.PAGE_IN / COLUMNS * np.arange(COLUMNS)
    figure = style.new_figure(style.PAGE_IN, rows * pitch + BOTTOM_IN, note, fixed=True)
    width = style.PAGE_IN / COLUMNS - CUTOUT_IN - TICKS_IN - GAP_IN - 0.06
    for i, (head, reason) in enumerate(zip(heads, reasons, strict=True)):
        column, row = divmod(i, rows)  # down the first column, then down the second
        x, y = left[column], row * pitch + label
        galaxies.draw_cutout(style.place(figure, x, y, CUTOUT_IN, CUTOUT_IN), shown["image"][i])
        axes = style.place(figure, x + CUTOUT_IN + TICKS_IN, y, width, CUTOUT_IN)
        galaxies.draw_spectrum(axes, shown["spectrum"][i], bins=SMOOTH_BINS, raw=False, colour=style.INK)
        galaxies.mark_lines(axes, shown["z"][i], named=False)
        last = row == rows - 1 or i == len(heads) - 1
        axes.tick_params(labelbottom=last, labelsize=6)
        axes.locator_params(axis="y", nbins=4)
        if last:
            axes.set_xlabel(AXES_LABEL, fontsize=7)
        z = shown["z"][i]
        told = f"{head}   " + (f"z = {z:.4f}" if np.isfinite(z) else "z unknown")
        lines = [told, f"TARGETID {shown['targetid'][i]}"]
        if any(reasons):
            lines.append(textwrap.shorten(reason, LINE_CHARACTERS, placeholder=" …"))
        style.write(figure, "\n".join(lines), x, y - 0.03, va="bottom", ha="left", fontsize=6.5)
    return figure


@style.styled
def recall(metrics: pd.DataFrame) -> Figure:
    """Draw the share of the planted artefacts among the first galaxies of each list.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/anomalies.csv` of a mock survey.

    Returns
    -------
    matplotlib.figure.Figure
    """
    is_recall = (metrics["target"] == "any") & metrics["metric"].str.startswith("recall@")
    rows = metrics[is_recall & metrics["value"].notna()]
    if rows.empty:
        return style.empty("No planted artefact is among the test galaxies.")
    rows = rows.assign(length=rows["metric"].str.extract(r"@([\d.]+)n", expand=False).astype(float))
    planted = int(rows["n"].iloc[0])
    of_all = metrics[(metrics["protocol"] == "suspected") & (metrics["target"] == "any")]
    n_galaxies = int(of_all["n"].iloc[0])
    note = f"{style.count(n_galaxies, 'test galaxies')}, {planted} planted artefacts"
    figure = style.new_figure(style.COLUMN_IN, 3.3, note)
    axes = figure.subplots()
    lengths = np.geomspace(rows["length"].min(), rows["length"].max(), 100)
    axes.plot(lengths, np.minimum(lengths, 1), color=style.PALE, lw=3, label="perfect list", zorder=0)
    chance = np.minimum(lengths * planted / n_galaxies, 1)
    axes.plot(lengths, chance, color=style.GREY, ls=":", label="random list")
    for protocol, (text, colour, marker) in LOOKS.items():
        own = rows[rows["protocol"] == protocol].sort_values("length")
        axes.fill_between(own["length"], own["low"], own["high"], color=colour, alpha=0.15, lw=0)
        axes.plot(own["length"], own["value"], color=colour, marker=marker, ms=3, label=text)
    ticks = sorted(rows["length"].unique())
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(
        ylim=(-0.03, 1.04),
        xlabel="length of the list / number of planted artefacts",
        ylabel="planted artefacts in the list",
    )
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
