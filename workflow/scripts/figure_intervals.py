"""Draw coverage and width of the calibrated intervals."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import intervals as figure
from galaxypair.figures import style


def figure_intervals(*, scores: Path, binned: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    drawn = figure.panels(io.read_table(scores), io.read_table(binned))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_intervals)
