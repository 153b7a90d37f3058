"""Predict properties of the test split from catalogue magnitudes alone, by neighbours and by an MLP."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.photometry import evaluate


def photometry(
    *, properties: Path, predictions: Path, history: Path, targets: list | None, k: int, settings: dict
) -> None:
    found, epochs = evaluate(io.read_table(properties), targets=targets, k=k, settings=settings)
    io.write_table(found, predictions)
    io.write_table(epochs, history)


if __name__ == "__main__":
    stage(photometry)
