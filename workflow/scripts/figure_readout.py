"""Draw the redshifts that the encoders read off the test split, and whether their confidence holds."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import readout as figure
from galaxypair.figures import style


def figure_readout(
    *, readout: Path, metrics: Path, properties: Path, pdf: Path, png: Path, dpi: int, mock: bool
) -> None:
    known = io.read_table(properties, ["targetid", "z"])
    drawn = figure.panels(io.read_table(readout), io.read_table(metrics), known)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_readout)
