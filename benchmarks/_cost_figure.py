"""CPU time of the dearest stages over the size of the survey: measured points and laws."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._cost_laws import STAGES, Limits
from galaxypair import io
from galaxypair.figures import style

SHOWN = 10  # stages: as many as there are colours
MARKERS = "osD^vPX<>*"


@style.styled
def draw(points: pd.DataFrame, fitted: pd.DataFrame, limits: Limits, most: int, path: Path) -> None:
    """Draw measured points and laws, log-log, and write them as PNG.

    Parameters
    ----------
    points : pandas.DataFrame
        As from `_cost_points.collect`.
    fitted : pandas.DataFrame
        From `_cost_laws.fit_jobs`.
    limits : Limits
    most : int
        Galaxies up to which the laws are drawn.
    path : Path
    """
    jobs = points[points["kind"] == "job"]
    smallest, largest = int(jobs["n"].min()), int(jobs["n"].max())
    n = np.unique(np.geomspace(smallest, most, 200).astype(int))
    stages = {name: part for name, part in fitted.groupby("stage") if STAGES[name].counted}
    lines = {
        name: np.array([sum(law.at(int(size), limits)[0] for law in part["cpu"]) for size in n]) / 3600
        for name, part in stages.items()
    }
    dearest = sorted(lines, key=lambda name: -lines[name][-1])[:SHOWN]
    figure = style.new_figure(style.PAGE_IN, 3.6, f"Measured from {smallest:,} to {largest:,} galaxies")
    axes = figure.add_subplot()
    axes.axvspan(largest, most, color=style.PALE, alpha=0.35, lw=0)
    axes.text(
        largest * 1.15, 0.97, "extrapolated", transform=axes.get_xaxis_transform(), va="top", fontsize=7
    )
    for name, colour, marker in zip(dearest, style.CLUSTER_COLOURS, MARKERS, strict=False):
        measured = jobs[jobs["name"].isin(stages[name]["job"])].groupby(["run", "n"])["cpu_s"].sum() / 3600
        axes.plot(n, lines[name], color=colour, lw=1)
        axes.plot(
            measured.index.get_level_values("n"), measured, marker, color=colour, markeredgecolor="white",
            markeredgewidth=0.4, label=name,
        )  # fmt: skip
    axes.set(
        xscale="log", yscale="log", xlabel="Galaxies", ylabel="CPU time [h]", xlim=(smallest / 1.3, most)
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    with io.atomic_path(path) as part:
        figure.savefig(part, dpi=150, format="png")
