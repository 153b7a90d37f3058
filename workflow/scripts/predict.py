"""Predict redshift and stellar mass of the user's galaxies from a reference run's neighbours.

Writes one row per galaxy of the catalogue, with the reason where there is no prediction, and how well
the predictions agree with what the catalogue already knew.
"""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.predict import load_references, score
from galaxypair.predict import predict as predict_own


def predict(
    *,
    queries: Path,
    catalogue: Path,
    ledger: Path,
    predictions: Path,
    metrics: Path,
    reference_run: str,
    k: int,
    bootstrap: int,
    seed: int,
) -> None:
    own = io.read_table(catalogue), io.read_table(ledger), io.read_embeddings(queries)
    table = predict_own(*own, *load_references(Path("results") / reference_run), k=k)
    rows = score(table, bootstrap=bootstrap, rng=np.random.default_rng(seed))
    io.write_table(table.round(6), predictions)
    io.write_table(rows, metrics)


if __name__ == "__main__":
    stage(predict)
