"""Measure how much clusters and galaxy properties know of each other: adjusted mutual information."""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.cluster_information import information


def cluster_information(
    *, clusters: list[Path], values: Path, metrics: Path, bins: int, resamplings: int, seed: int
) -> None:
    labels = {tuple(path.stem.split("_")): io.read_table(path) for path in clusters}
    table = information(
        labels,
        io.read_table(values),
        bins=bins,
        resamplings=resamplings,
        rng=np.random.default_rng(seed),
    )
    io.write_table(table, metrics)


if __name__ == "__main__":
    stage(cluster_information)
