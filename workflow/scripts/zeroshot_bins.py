"""Score the zero-shot predictions in bins of redshift, magnitude, signal-to-noise and distance."""

from stage import stage

import json
from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.protocols import OWN
from galaxypair.zeroshot_bins import evaluate, property_values, reference_distance, regression


def zeroshot_bins(
    *, train: Path, test: Path, predictions: Path, choice: Path, properties: Path, snr: Path | None,
    table: Path, settings: dict, zeroshot: dict,
) -> None:  # fmt: skip
    k = json.loads(choice.read_text())[OWN]["k"]
    rows, known = io.read_table(predictions), io.read_table(properties)
    others = [reference_distance(io.read_embeddings(train), io.read_embeddings(test), k)]
    if snr is not None:
        others.append(io.read_table(snr))
    scores = evaluate(
        rows,
        {name: property_values(rows, name, known, others) for name in settings["by"]},
        regression(zeroshot["bootstrap"], np.random.default_rng(zeroshot["seed"])),
        bins=settings["number"],
        min_galaxies=settings["min_galaxies"],
    )
    io.write_table(scores, table)


if __name__ == "__main__":
    stage(zeroshot_bins)
