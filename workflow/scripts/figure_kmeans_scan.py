"""Draw silhouette and inertia over the number of k-means clusters."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import clusters, style


def figure_kmeans_scan(*, scans: list[Path], pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    drawn = clusters.scan({p.stem.removeprefix("kmeans_scan_"): io.read_table(p) for p in scans})
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_kmeans_scan)
