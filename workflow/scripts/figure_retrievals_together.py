"""Draw one galaxy with its nearest neighbours under all four pairs of modalities."""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.figures import retrieval, style


def figure_retrievals_together(
    *, neighbours: Path, gallery: Path, pdf: Path, png: Path, dpi: int, mock: bool
) -> None:
    rows = retrieval.single(io.read_table(neighbours))
    shown = io.read_gallery(gallery, np.unique(rows[["targetid", "neighbour"]]))
    style.save(retrieval.together(rows, shown), pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_retrievals_together)
