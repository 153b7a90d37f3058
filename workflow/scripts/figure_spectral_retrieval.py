"""Draw the spectra of a query's nearest neighbours over its own."""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.figures import retrieval_spectra, style


def figure_spectral_retrieval(
    *,
    neighbours: Path,
    gallery: Path,
    pdf: Path,
    png: Path,
    query: str,
    reference: str,
    number: str,
    dpi: int,
    mock: bool,
) -> None:
    rows = retrieval_spectra.shown(io.read_table(neighbours), query, reference, int(number))
    shown = io.read_gallery(gallery, np.unique(rows[["targetid", "neighbour"]]))
    drawn = retrieval_spectra.overlay(rows, shown, query, reference)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_spectral_retrieval)
