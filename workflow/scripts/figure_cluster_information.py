"""Draw how much clusters and properties know of each other."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import cluster_information, style


def figure_cluster_information(
    *, metrics: Path, pdf: Path, png: Path, dpi: int, mock: bool
) -> None:  # fmt: skip
    style.save(cluster_information.panels(io.read_table(metrics)), pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_cluster_information)
