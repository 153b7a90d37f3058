"""Draw the UMAP projections coloured by cluster."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import clusters as figure
from galaxypair.figures import style


def figure_clusters(
    *, projections: list[Path], clusters: list[Path], summaries: list[Path], pdf: Path, png: Path,
    method: str, dpi: int, mock: bool,
) -> None:  # fmt: skip
    places = {p.stem.removeprefix("umap_"): io.read_table(p) for p in projections}
    labels = {p.stem.removeprefix(f"{method}_"): io.read_table(p) for p in clusters}
    told = {p.stem.removeprefix("clusterings_"): io.read_table(p) for p in summaries}
    drawn = figure.panels(places, labels, told, method)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_clusters)
