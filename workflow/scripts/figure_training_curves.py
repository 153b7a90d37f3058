"""Draw losses, learning rate and validation metrics over the epochs."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import style, training


def figure_training_curves(*, history: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    drawn = training.curves(io.read_table(history))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_training_curves)
