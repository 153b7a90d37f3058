"""Draw the query galaxies of the retrieval figures by themselves."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import retrieval, style


def figure_query_images(
    *, neighbours: Path, gallery: Path, pdf: Path, png: Path, dpi: int, mock: bool
) -> None:
    targetid, total = retrieval.portraits(io.read_table(neighbours))
    drawn = retrieval.query_images(io.read_gallery(gallery, targetid), total)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_query_images)
