"""Draw how well the posteriors of the test galaxies are calibrated."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import posteriors, style


def figure_posterior_coverage(
    *, table: Path, metrics: Path, pdf: Path, png: Path, dpi: int, mock: bool
) -> None:
    drawn = posteriors.coverage(
        io.read_table(table, columns=["targetid", "space", "target", "pit"]), io.read_table(metrics)
    )
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_posterior_coverage)
