"""Train small networks on the embeddings of few and of all labelled galaxies, and measure their predictions.

The train split trains, the val split chooses the epoch, the test split is measured; writes the scores of
each draw of labelled galaxies, with 68 % intervals, and the prediction for each galaxy.
"""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.few_shot import evaluate


def few_shot(
    *,
    train: Path,
    val: Path,
    test: Path,
    properties: Path,
    metrics: Path,
    predictions: Path,
    targets: list | None,
    settings: dict,
) -> None:
    splits = {"train": train, "val": val, "test": test}
    scores, predicted = evaluate(
        {split: io.read_embeddings(path) for split, path in splits.items()},
        io.read_table(properties),
        targets=targets,
        settings=settings,
    )
    io.write_table(scores, metrics)
    io.write_table(predicted, predictions)


if __name__ == "__main__":
    stage(few_shot)
