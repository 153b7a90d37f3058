"""Draw scores against the number of labelled galaxies."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import learning_curve as figure
from galaxypair.figures import style


def figure_learning_curve(*, table: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    style.save(figure.panels(io.read_table(table)), pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_learning_curve)
