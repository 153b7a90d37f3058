"""Tile cutouts at their place in a projection."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import mosaic, projection, style


def figure_mosaic(
    *, gallery: Path, roles: Path, variance: Path | None, pdf: Path, png: Path, space: str, tiles: int,
    dpi: int, mock: bool,
) -> None:  # fmt: skip
    chosen = io.read_table(roles)
    shown = io.read_gallery(gallery, chosen["targetid"])
    names = projection.component_names(io.read_table(variance)) if variance else projection.UMAP_AXES
    drawn = mosaic.mosaic(chosen, shown, tiles, space, tuple(names[:2]))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_mosaic)
