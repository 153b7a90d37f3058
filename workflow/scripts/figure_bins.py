"""Draw the scores of zero-shot regression in bins of one property."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import bins, style


def figure_bins(
    *, table: Path, pdf: Path, png: Path, property: str, known: list[str], dpi: int, mock: bool
) -> None:
    drawn = bins.panels(io.read_table(table), style.column(property, known))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_bins)
