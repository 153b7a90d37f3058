"""Measure how alike in their properties the galaxies of the test split and their neighbours are.

All four pairs of modalities, beside pairs of galaxies drawn at random, with 68 % intervals.
"""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.agreement import evaluate


def agreement(test: Path, properties: Path, metrics: Path, settings: dict, targets: list | None) -> None:
    scores = evaluate(
        io.read_embeddings(test),
        io.read_table(properties),
        targets=targets,
        ranks=settings["ranks"],
        bootstrap=settings["bootstrap"],
        rng=np.random.default_rng(settings["seed"]),
    )
    io.write_table(scores, metrics)


if __name__ == "__main__":
    stage(agreement)
