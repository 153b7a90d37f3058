"""Draw the scores of every variant of an ablation beside those of the run itself."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import ablation, style


def figure_ablation(*, values: Path, table: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    variants = list(io.read_table(table, ["variant"])["variant"])
    drawn = ablation.dots(io.read_table(values), variants)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_ablation)
