"""Gather cutouts and spectra of the first galaxies of both lists into one small file."""

from stage import stage

from pathlib import Path

from galaxypair import gallery as core
from galaxypair import io
from galaxypair.anomalies import shortlist
from galaxypair.published.pixels import read_galaxies


def anomaly_gallery(
    *, manifest: Path | None, lists: Path, gallery: Path, roles: Path, shown: int,
    pixels: Path | None, crop_px: int,
) -> None:  # fmt: skip
    chosen = shortlist(io.read_table(lists), shown)
    if pixels is not None:
        galaxies = read_galaxies(pixels, chosen["targetid"], crop_px)
    else:
        galaxies = io.read_galaxies(io.read_manifest(manifest), chosen["targetid"], core.COLUMNS)
    io.write_arrays(gallery, core.pack(galaxies), compression="gzip")
    io.write_table(chosen, roles)


if __name__ == "__main__":
    stage(anomaly_gallery)
