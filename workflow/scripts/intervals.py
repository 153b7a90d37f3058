"""Give each test galaxy calibrated intervals of redshift and properties, and measure how well they hold."""

from stage import stage

import json
from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.interval_scores import summarise_bins
from galaxypair.intervals import evaluate
from galaxypair.protocols import OWN
from galaxypair.zeroshot_bins import property_values


def intervals(
    *, train: Path, val: Path, test: Path, choice: Path, properties: Path,
    table: Path, scores: Path, binned: Path, settings: dict, bins: dict, zeroshot: dict,
) -> None:  # fmt: skip
    known = io.read_table(properties)
    rng = {"bootstrap": zeroshot["bootstrap"], "rng": np.random.default_rng(settings["seed"])}
    found, measured = evaluate(
        {path.stem: io.read_embeddings(path) for path in (train, val, test)},
        known,
        targets=zeroshot["targets"],
        k=json.loads(choice.read_text())[OWN]["k"],
        levels=settings["levels"],
        folds=settings["folds"],
        **rng,
    )
    z = property_values(found, "z", known, [])
    number, fewest = bins["number"], bins["min_galaxies"]
    io.write_table(found, table)
    io.write_table(measured, scores)
    io.write_table(summarise_bins(found, z, bins=number, min_galaxies=fewest, **rng), binned)


if __name__ == "__main__":
    stage(intervals)
