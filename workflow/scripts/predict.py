"""Predict redshift and stellar mass of the user's galaxies, read off the encoders or from a reference run.

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
    readout: Path | None,
    predictions: Path,
    metrics: Path,
    reference_run: str | None,
    k: int,
    bootstrap: int,
    seed: int,
) -> None:
    own = io.read_table(catalogue), io.read_table(ledger), io.read_embeddings(queries)
    known = load_references(Path("results") / reference_run) if reference_run else (None, None)
    table = predict_own(*own, *known, k=k, readout=io.read_table(readout) if readout else None)
    rows = score(table, bootstrap=bootstrap, rng=np.random.default_rng(seed))
    io.write_table(table.round(6), predictions)
    io.write_table(rows, metrics)


if __name__ == "__main__":
    stage(predict)
