"""Measure how zero-shot scores grow with the number of labelled galaxies."""

from stage import stage

import json
from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.learning_curve import evaluate
from galaxypair.protocols import OWN


def learning_curve(
    *, train: Path, test: Path, choice: Path, properties: Path, table: Path, settings: dict, zeroshot: dict
) -> None:
    found = evaluate(
        io.read_embeddings(train),
        io.read_embeddings(test),
        io.read_table(properties),
        targets=zeroshot["targets"],
        k=json.loads(choice.read_text())[OWN]["k"],
        fewest=settings["fewest"],
        steps=settings["steps"],
        draws=settings["draws"],
        bootstrap=zeroshot["bootstrap"],
        rng=np.random.default_rng(settings["seed"]),
    )
    io.write_table(found, table)


if __name__ == "__main__":
    stage(learning_curve)
