"""Tile cutouts at their place in the UMAP projection."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import mosaic, style


def figure_mosaic(
    *, gallery: Path, roles: Path, pdf: Path, png: Path, space: str, tiles: int, dpi: int, mock: bool
) -> None:
    chosen = io.read_table(roles).query("role == 'mosaic_" + space + "'")
    shown = io.read_gallery(gallery, chosen["targetid"])
    drawn = mosaic.mosaic(chosen, shown, tiles, space)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_mosaic)
