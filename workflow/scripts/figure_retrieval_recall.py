"""Draw recall@k of cross-modal retrieval beside random guessing."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import retrieval_scores, style


def figure_retrieval_recall(*, metrics: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    drawn = retrieval_scores.recall(io.read_table(metrics))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_retrieval_recall)
