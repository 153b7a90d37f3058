"""Draw the posteriors of some test galaxies."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import posteriors, style


def figure_posterior_examples(*, examples: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    style.save(posteriors.examples(io.read_table(examples)), pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_posterior_examples)
