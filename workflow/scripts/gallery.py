"""Gather cutouts and spectra of every galaxy that a figure shows into one small file.

No figure opens a shard or a model: it looks up its galaxies in `roles.parquet` by role.
"""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import gallery as core
from galaxypair import io
from galaxypair.published.pixels import read_galaxies


def gallery(
    *, manifest: Path | None, embeddings: Path, properties: Path, neighbours: Path, clusters: list[Path],
    projections: list[Path], gallery: Path, roles: Path, settings: dict, pixels: Path | None, crop_px: int,
) -> None:  # fmt: skip
    chosen = core.choose(
        io.read_table(properties),
        io.read_table(neighbours),
        io.read_embeddings(embeddings),
        {path.stem: io.read_table(path) for path in clusters},
        {path.stem.removeprefix("umap_"): io.read_table(path) for path in projections},
        examples=settings["examples"],
        mosaic_cells=settings["mosaic_cells"],
        rng=np.random.default_rng(settings["seed"]),
    )
    if pixels is not None:
        galaxies = read_galaxies(pixels, chosen["targetid"], crop_px)
    else:
        galaxies = io.read_galaxies(io.read_manifest(manifest), chosen["targetid"], core.COLUMNS)
    io.write_arrays(gallery, core.pack(galaxies), compression="gzip")
    io.write_table(chosen, roles)


if __name__ == "__main__":
    stage(gallery)
