"""Gather cutouts and spectra of the example galaxies and of those that retrieval shows into one small file.

No figure opens a shard or a model: it looks up its galaxies in `roles.parquet` by role.
"""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import gallery as core
from galaxypair import io
from galaxypair.published.pixels import read_shown


def gallery(
    *, manifest: Path | None, embeddings: Path, properties: Path, neighbours: Path, gallery: Path,
    roles: Path, settings: dict, pixels: Path | None, crop_px: int,
) -> None:  # fmt: skip
    chosen = core.choose(
        io.read_table(properties),
        io.read_table(neighbours),
        io.read_embeddings(embeddings),
        examples=settings["examples"],
        rng=np.random.default_rng(settings["seed"]),
    )
    shown = read_shown(chosen["targetid"], core.COLUMNS, manifest=manifest, pixels=pixels, crop_px=crop_px)
    io.write_arrays(gallery, core.pack(shown), compression="gzip")
    io.write_table(chosen, roles)


if __name__ == "__main__":
    stage(gallery)
