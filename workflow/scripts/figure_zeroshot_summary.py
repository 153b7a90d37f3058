"""Draw the zero-shot scores of all properties and pairs of modalities."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import style, zeroshot


def figure_zeroshot_summary(*, metrics: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    drawn = zeroshot.summary(io.read_table(metrics))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_zeroshot_summary)
