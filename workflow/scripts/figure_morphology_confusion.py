"""Draw which answers to one question of morphology are taken for which."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import morphology, style


def figure_morphology_confusion(
    *, predictions: Path, labels: Path, pdf: Path, png: Path, question: str, dpi: int, mock: bool
) -> None:
    known = io.read_table(labels, columns=["question", "answer"]).drop_duplicates()
    asked = morphology.find_question(question, known["question"].unique())
    drawn = morphology.confusion(io.read_table(predictions), known, asked)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_morphology_confusion)
