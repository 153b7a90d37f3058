"""Let each test galaxy's image find its spectrum, and the reverse.

Writes recall and rank beside what chance gives, and the nearest neighbours of a few galaxies for
the galleries.
"""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.retrieval import evaluate
from galaxypair.retrieval import neighbours as nearest


def retrieval(test: Path, metrics: Path, neighbours: Path, settings: dict) -> None:
    embeddings = io.read_embeddings(test)
    scores = evaluate(
        embeddings,
        recall_at=settings["recall_at"],
        bootstrap=settings["bootstrap"],
        rng=np.random.default_rng(settings["seed"]),
    )
    found = nearest(
        embeddings,
        queries=settings["queries"],
        n_neighbours=settings["neighbours"],
        # a generator of its own: the queries shown do not change with the bootstrap
        rng=np.random.default_rng(settings["seed"]),
    )
    io.write_table(scores, metrics)
    io.write_table(found, neighbours)


if __name__ == "__main__":
    stage(retrieval)
