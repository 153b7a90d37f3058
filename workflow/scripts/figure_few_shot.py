"""Draw how the predictions of small networks improve with the number of labels."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import few_shot, style


def figure_few_shot(*, few: Path, zeroshot: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    drawn = few_shot.curves(io.read_table(few), io.read_table(zeroshot))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_few_shot)
