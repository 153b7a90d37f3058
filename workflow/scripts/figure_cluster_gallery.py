"""Draw cutouts of some galaxies of each cluster."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import cluster_gallery, style


def figure_cluster_gallery(
    *, clusters: Path, gallery: Path, roles: Path, pdf: Path, png: Path, method: str, space: str, dpi: int,
    mock: bool,
) -> None:  # fmt: skip
    chosen = io.read_table(roles)
    shown = io.read_gallery(gallery, chosen["targetid"])
    drawn = cluster_gallery.gallery(chosen, io.read_table(clusters), shown, method, space)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_cluster_gallery)
