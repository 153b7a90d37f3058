"""Measure the redshifts and masses that the encoders read off the test split."""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.readout_scores import score


def readout_scores(*, readout: Path, properties: Path, metrics: Path, bootstrap: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = score(io.read_table(readout), io.read_table(properties), bootstrap=bootstrap, rng=rng)
    io.write_table(rows, metrics)


if __name__ == "__main__":
    stage(readout_scores)
