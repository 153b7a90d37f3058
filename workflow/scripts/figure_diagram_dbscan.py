"""Draw how DBSCAN tells cores, borders and noise."""

from stage import stage

from pathlib import Path

from galaxypair.figures import diagrams, style


def figure_diagram_dbscan(*, pdf: Path, png: Path, min_samples: int, dpi: int) -> None:
    style.save(diagrams.density_clusters(min_samples), pdf, png, dpi=dpi, mock=False)


if __name__ == "__main__":
    stage(figure_diagram_dbscan)
