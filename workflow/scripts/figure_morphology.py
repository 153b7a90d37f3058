"""Draw how well each question of morphology is answered from each space."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import morphology, style


def figure_morphology(*, metrics: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    drawn = morphology.overview(io.read_table(metrics))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_morphology)
