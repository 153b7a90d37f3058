"""Draw the distributions of redshift and stellar mass in each k-means cluster."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import clusters as figure
from galaxypair.figures import style


def figure_cluster_properties(
    *, clusters: Path, properties: Path, pdf: Path, png: Path, space: str, dpi: int, mock: bool
) -> None:
    drawn = figure.properties(io.read_table(clusters), io.read_table(properties), space)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_cluster_properties)
