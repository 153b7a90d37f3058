"""Gather the scores of all trials of an ablation, and average them over the seeds."""

from stage import stage

from pathlib import Path

import pandas as pd

from galaxypair import ablation as core
from galaxypair import io


def ablation(
    *, histories: list[Path], zeroshot: list[Path], retrieval: list[Path], table: Path, text: Path,
    values: Path, trials: list[dict],
) -> None:  # fmt: skip
    parts = [
        core.values_of_trial(
            trial, *map(io.read_table, files), benchmark=core.read_benchmark(Path(trial["benchmark"]))
        )
        for trial, *files in zip(trials, histories, zeroshot, retrieval, strict=True)
    ]
    found = pd.concat(parts, ignore_index=True)
    summary = core.summarise(found, {trial["variant"]: trial["differs"] for trial in trials})
    io.write_table(found, values)
    io.write_table(summary, table)
    io.write_text(core.markdown(summary, core.shown(found)), text)


if __name__ == "__main__":
    stage(ablation)
