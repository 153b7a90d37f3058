"""Draw examples of each k-means cluster."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import cluster_gallery, style


def figure_cluster_gallery(
    *, clusters: Path, gallery: Path, roles: Path, pdf: Path, png: Path, space: str, dpi: int, mock: bool
) -> None:
    chosen = io.read_table(roles).query("role == 'kmeans_" + space + "'")
    shown = io.read_gallery(gallery, chosen["targetid"])
    drawn = cluster_gallery.gallery(chosen, io.read_table(clusters), shown, space)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_cluster_gallery)
