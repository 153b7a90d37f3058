"""Draw published, reproduced and own scores side by side."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import compare, style


def figure_compare(*, table: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    style.save(compare.rows(io.read_table(table)), pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_compare)
