"""Draw the scores of the baselines beside the zero-shot scores, of the same galaxies."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import baselines, style


def figure_baselines(*, metrics: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    style.save(baselines.scores(io.read_table(metrics)), pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_baselines)
