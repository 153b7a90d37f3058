"""List the layers of the model."""

from stage import stage

from pathlib import Path

from galaxypair import io, layers
from galaxypair.model import PairModel


def model_layers(*, weights: Path, table: Path) -> None:
    io.write_table(layers.table(PairModel.from_pretrained(weights.parent)), table)


if __name__ == "__main__":
    stage(model_layers)
