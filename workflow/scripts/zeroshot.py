"""Predict redshift and galaxy properties of the test split from its neighbours in the train split.

All four pairs of reference and query modality, and both modalities together; writes the scores with
68 % intervals, the prediction for each galaxy, and how the number of neighbours was chosen.
"""

from stage import stage

import json
from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.protocols import OWN, Protocol
from galaxypair.zeroshot import describe, evaluate


def zeroshot(
    *, train: Path, val: Path | None, test: Path, properties: Path,
    metrics: Path, predictions: Path, choice: Path, settings: dict,
) -> None:  # fmt: skip
    protocol = Protocol(OWN, settings["k"])
    paths = {"train": train, "val": val, "test": test}
    result = evaluate(
        {split: io.read_embeddings(path) for split, path in paths.items() if path},
        io.read_table(properties),
        protocol=protocol,
        targets=settings["targets"],
        bootstrap=settings["bootstrap"],
        rng=np.random.default_rng(settings["seed"]),
    )
    io.write_table(result.scores, metrics)
    io.write_table(result.predictions, predictions)
    io.write_text(json.dumps({OWN: describe(protocol, result)}, indent=2) + "\n", choice)


if __name__ == "__main__":
    stage(zeroshot)
