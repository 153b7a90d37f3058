"""Predict redshift and galaxy properties of the test split from its neighbours in the train split.

All four pairs of reference and query modality; writes the scores with 68 % intervals and the
prediction for each galaxy.
"""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.zeroshot import evaluate


def zeroshot(
    *, train: Path, test: Path, properties: Path, metrics: Path, predictions: Path, settings: dict
) -> None:
    scores, predicted = evaluate(
        io.read_embeddings(train),
        io.read_embeddings(test),
        io.read_table(properties),
        targets=settings["targets"],
        k=settings["k"],
        bootstrap=settings["bootstrap"],
        rng=np.random.default_rng(settings["seed"]),
    )
    io.write_table(scores, metrics)
    io.write_table(predicted, predictions)


if __name__ == "__main__":
    stage(zeroshot)
