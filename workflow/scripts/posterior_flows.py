"""Train normalising flows on the embeddings, and score the posteriors that they give for the test split.

One flow per space and property: the train split trains, the val split chooses the epoch.
"""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.posterior_flows import evaluate


def posterior_flows(
    *,
    train: Path,
    val: Path,
    test: Path,
    properties: Path,
    metrics: Path,
    posteriors: Path,
    examples: Path,
    settings: dict,
) -> None:
    splits = {"train": train, "val": val, "test": test}
    made = evaluate(
        {split: io.read_embeddings(path) for split, path in splits.items()},
        io.read_table(properties),
        targets=settings["targets"],
        settings=settings,
    )
    for table, path in zip(made, (metrics, posteriors, examples), strict=True):
        io.write_table(table, path)


if __name__ == "__main__":
    stage(posterior_flows)
