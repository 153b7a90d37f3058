"""Gather the cutouts of a mosaic over a projection into one small file."""

from stage import stage

from pathlib import Path

from galaxypair import gallery as core
from galaxypair import io
from galaxypair.published.pixels import read_shown


def gallery_mosaic(
    *, manifest: Path | None, projection: Path, gallery: Path, roles: Path, cells: int, pixels: Path | None,
    crop_px: int,
) -> None:  # fmt: skip
    chosen = core.choose_mosaic(io.read_table(projection), cells)
    shown = read_shown(chosen["targetid"], core.COLUMNS, manifest=manifest, pixels=pixels, crop_px=crop_px)
    io.write_arrays(gallery, core.pack(shown), compression="gzip")
    io.write_table(chosen, roles)


if __name__ == "__main__":
    stage(gallery_mosaic)
