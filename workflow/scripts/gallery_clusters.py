"""Gather cutouts and spectra of some members of each cluster into one small file."""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import gallery as core
from galaxypair import io
from galaxypair.published.pixels import read_shown


def gallery_clusters(
    *, manifest: Path | None, embeddings: Path, clusters: Path, gallery: Path, roles: Path, method: str,
    space: str, settings: dict, pixels: Path | None, crop_px: int,
) -> None:  # fmt: skip
    chosen = core.choose_members(
        io.read_table(clusters),
        io.read_embeddings(embeddings),
        method,
        space,
        examples=settings["examples"],
        rng=np.random.default_rng(settings["seed"]),
    )
    shown = read_shown(chosen["targetid"], core.COLUMNS, manifest=manifest, pixels=pixels, crop_px=crop_px)
    io.write_arrays(gallery, core.pack(shown), compression="gzip")
    io.write_table(chosen, roles)


if __name__ == "__main__":
    stage(gallery_clusters)
