"""Let each test galaxy's image find its spectrum, and the reverse.

Writes recall and rank beside what chance gives, and the nearest neighbours of the galaxies that
figures ask for.
"""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io, queries
from galaxypair.retrieval import evaluate


def retrieval(test: Path, metrics: Path, neighbours: Path, settings: dict) -> None:
    embeddings = io.read_embeddings(test)
    found = queries.table(
        embeddings,
        queries=settings["queries"],
        query_rows=settings["query_rows"],
        single_row=settings["single_row"],
        n_neighbours=settings["neighbours"],
        # a generator of its own: the queries shown do not change with the bootstrap
        rng=np.random.default_rng(settings["seed"]),
    )
    scores = evaluate(
        embeddings,
        recall_at=settings["recall_at"],
        bootstrap=settings["bootstrap"],
        rng=np.random.default_rng(settings["seed"]),
    )
    io.write_table(scores, metrics)
    io.write_table(found, neighbours)


if __name__ == "__main__":
    stage(retrieval)
