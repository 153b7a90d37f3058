"""Measure the baselines and the zero-shot predictions on the galaxies that all of them predict."""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.baselines import compare


def baselines(*, predictions: list[Path], zeroshot: Path, metrics: Path, bootstrap: int, seed: int) -> None:
    scores = compare(
        [io.read_table(path) for path in predictions],
        io.read_table(zeroshot),
        bootstrap=bootstrap,
        rng=np.random.default_rng(seed),
    )
    io.write_table(scores, metrics)


if __name__ == "__main__":
    stage(baselines)
