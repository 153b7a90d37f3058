"""Draw the redshifts predicted for a user's own galaxies."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import predictions as figure
from galaxypair.figures import style


def figure_predictions(*, predictions: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    drawn = figure.panels(io.read_table(predictions))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_predictions)
