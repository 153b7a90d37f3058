"""List the galaxies of the test split that are unlike all others, and those that look broken.

Anomalies come from the embeddings, suspected artefacts from the pixels alone. In a mock survey, how many
of the planted artefacts each list finds is measured as well.
"""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import anomalies as core
from galaxypair import artefacts, io


def anomalies(
    *, manifest: Path | None, train: Path, test: Path, truth: Path | None, lists: Path, metrics: Path,
    settings: dict,
) -> None:  # fmt: skip
    scores = core.score(io.read_embeddings(train), io.read_embeddings(test), settings["k"])
    measures = None
    if manifest is not None:
        shards = io.iter_shards(
            io.read_manifest(manifest), artefacts.COLUMNS, split="test", batch_rows=artefacts.BATCH_ROWS
        )
        measures = artefacts.measure_all(shards)
    table = core.list_both(scores, measures)
    known = io.read_arrays(truth)["truth"] if truth is not None else None
    rng = np.random.default_rng(settings["seed"])
    measured = core.measure_lists(table, known, bootstrap=settings["bootstrap"], rng=rng)
    io.write_table(table, lists)
    io.write_table(measured, metrics)


if __name__ == "__main__":
    stage(anomalies)
