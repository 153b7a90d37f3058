"""Draw how far neighbours differ from the query in redshift and other properties, rank by rank."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import retrieval_scores, style


def figure_retrieval_agreement(*, metrics: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    drawn = retrieval_scores.agreement(io.read_table(metrics))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_retrieval_agreement)
