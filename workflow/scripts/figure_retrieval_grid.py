"""Draw a page of the images nearest to that of one galaxy."""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.figures import retrieval, style


def figure_retrieval_grid(
    *, neighbours: Path, gallery: Path, pdf: Path, png: Path, dpi: int, mock: bool
) -> None:
    rows = retrieval.single_images(io.read_table(neighbours))
    shown = io.read_gallery(gallery, np.unique(rows[["targetid", "neighbour"]]))
    style.save(retrieval.image_grid(rows, shown), pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_retrieval_grid)
