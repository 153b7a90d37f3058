"""Draw the clusters of one space and list them with their sizes."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import clusters as figure
from galaxypair.figures import style


def figure_clusters_alone(
    *, projection: Path, clusters: Path, summary: Path, pdf: Path, png: Path, method: str, space: str,
    dpi: int, mock: bool,
) -> None:  # fmt: skip
    tables = (io.read_table(path) for path in (projection, clusters, summary))
    style.save(figure.alone(*tables, method, space), pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_clusters_alone)
