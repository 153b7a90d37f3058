"""Draw retrieval queries with their nearest neighbours."""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.figures import retrieval, style


def figure_retrieval(
    *,
    neighbours: Path,
    gallery: Path,
    pdf: Path,
    png: Path,
    query: str,
    reference: str,
    dpi: int,
    mock: bool,
) -> None:
    rows = retrieval.shown(io.read_table(neighbours), query, reference)
    shown = io.read_gallery(gallery, np.unique(rows[["targetid", "neighbour"]]))
    drawn = retrieval.grid(rows, shown, query, reference)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_retrieval)
