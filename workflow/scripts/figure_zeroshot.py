"""Draw predicted against true values of one property."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import style, zeroshot


def figure_zeroshot(
    *, predictions: Path, metrics: Path, pdf: Path, png: Path, property: str, dpi: int, mock: bool
) -> None:
    scores = io.read_table(metrics)
    target = style.column(property, list(scores["target"].unique()))
    drawn = zeroshot.panels(io.read_table(predictions), scores, target)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_zeroshot)
