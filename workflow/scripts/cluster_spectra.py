"""Compute the median spectrum at rest of each cluster, and the range of 68 % of its galaxies."""

from stage import stage

from pathlib import Path

import numpy as np

from galaxypair import io
from galaxypair.cluster_spectra import COLUMNS, median_spectra
from galaxypair.published.pixels import read_shown


def cluster_spectra(
    *, manifest: Path | None, clusters: Path, spectra: Path, per_cluster: int, seed: int, pixels: Path | None
) -> None:
    found = median_spectra(
        io.read_table(clusters),
        # of a published file whose rows hold both, one pixel of the image
        lambda ids: read_shown(ids, COLUMNS, manifest=manifest, pixels=pixels, crop_px=1),
        per_cluster=per_cluster,
        rng=np.random.default_rng(seed),
    )
    io.write_arrays(spectra, found)


if __name__ == "__main__":
    stage(cluster_spectra)
