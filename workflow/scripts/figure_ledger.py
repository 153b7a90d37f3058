"""Draw where the galaxies went."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import ledger as figure
from galaxypair.figures import style


def figure_ledger(*, ledger: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    drawn = figure.bars(io.read_table(ledger, ["kept", "reason", "split"]))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_ledger)
