"""Draw the UMAP projections coloured by cluster."""

from stage import stage

from pathlib import Path

from galaxypair import io, tables
from galaxypair.figures import clusters as figure
from galaxypair.figures import style


def figure_clusters(
    *, projections: list[Path], clusters: list[Path], pdf: Path, png: Path, method: str, dpi: int, mock: bool
) -> None:
    places = {s: io.read_table(p) for s, p in zip(tables.SPACES, projections, strict=True)}
    labels = {s: io.read_table(p) for s, p in zip(tables.SPACES, clusters, strict=True)}
    drawn = figure.panels(places, labels, method)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_clusters)
