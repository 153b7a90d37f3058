"""Draw the distributions of properties in each cluster."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import cluster_properties, style


def figure_cluster_properties(
    *, clusters: Path, values: Path, pdf: Path, png: Path, method: str, space: str, dpi: int, mock: bool
) -> None:  # fmt: skip
    drawn = cluster_properties.distributions(io.read_table(clusters), io.read_table(values), method, space)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_cluster_properties)
