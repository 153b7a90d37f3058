"""Draw the median spectrum at rest of each cluster."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import cluster_spectra, style


def figure_cluster_spectra(
    *, clusters: Path, spectra: Path, pdf: Path, png: Path, method: str, space: str, dpi: int, mock: bool
) -> None:  # fmt: skip
    n = len(io.read_table(clusters))
    drawn = cluster_spectra.medians(io.read_arrays(spectra), n, method, space)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_cluster_spectra)
