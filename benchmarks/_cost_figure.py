"""CPU time of the dearest stages over the size of the survey: measured points and laws."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._cost_laws import STAGES, Limits, stage_of
from galaxypair import io
from galaxypair.figures import style

SHOWN = 10  # stages: as many as there are colours
MARKERS = "osD^v<>hp*"


@style.styled
def draw(points: pd.DataFrame, fitted: pd.DataFrame, limits: Limits, most: int, path: Path) -> None:
    """Draw measured points and laws, log-log, and write them as PNG.

    Parameters
    ----------
    points : pandas.DataFrame
        As from `_cost_points.collect`.
    fitted : pandas.DataFrame
        From `_cost_laws.fit_stages`.
    limits : Limits
    most : int
        Galaxies up to which the laws are drawn.
    path : Path
    """
    jobs = points[points["kind"] == "job"]
    smallest, largest = int(jobs["n"].min()), int(jobs["n"].max())
    n = np.unique(np.geomspace(smallest, most, 200).astype(int))
    counted = fitted[fitted["stage"].map(lambda name: STAGES[name].counted)]
    lines = {
        row.stage: np.array([row.cpu.at(int(size), limits)[0] for size in n]) / 3600
        for row in counted.itertuples()
    }
    dearest = sorted(lines, key=lambda name: -lines[name][-1])[:SHOWN]
    figure = style.new_figure(
        style.PAGE_IN, 3.6, f"Measured from {smallest:,} to {largest:,} galaxies; dashed: extrapolated"
    )
    axes = figure.add_subplot()
    for name, colour, marker in zip(dearest, style.CLUSTER_COLOURS, MARKERS, strict=False):
        own = jobs[jobs["name"].map(stage_of) == name].groupby(["run", "n"])["cpu_s"].mean()
        measured = own * counted.set_index("stage").loc[name, "jobs"] / 3600
        seen = n <= max(counted.set_index("stage").loc[name, "cpu"].sizes)
        axes.plot(n[seen], lines[name][seen], color=colour, lw=1)
        axes.plot(n[~seen], lines[name][~seen], "--", color=colour, lw=0.8)
        axes.plot(
            measured.index.get_level_values("n"), measured, marker, color=colour, markeredgecolor="white",
            markeredgewidth=0.4, markersize=5, label=name,
        )  # fmt: skip
    axes.set(
        xscale="log", yscale="log", xlabel="Galaxies", ylabel="CPU time [h]", xlim=(smallest / 1.3, most)
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    with io.atomic_path(path) as part:
        figure.savefig(part, dpi=150, format="png")
