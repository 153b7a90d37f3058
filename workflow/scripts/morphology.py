"""Predict the test galaxies' morphology from their embeddings.

Writes accuracy, weighted F1 and balanced accuracy with 68 % intervals, of a small network, of nearest
neighbours and of the commonest answer, and the prediction for each galaxy.
"""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.morphology_scores import evaluate


def morphology(
    *, train: Path, val: Path, test: Path, labels: Path,
    metrics: Path, predictions: Path, k: int, settings: dict,
) -> None:  # fmt: skip
    splits = {"train": train, "val": val, "test": test}
    scores, predicted = evaluate(
        {split: io.read_embeddings(path) for split, path in splits.items()},
        io.read_table(labels),
        k=k,
        **settings,
    )
    io.write_table(scores, metrics)
    io.write_table(predicted, predictions)


if __name__ == "__main__":
    stage(morphology)
