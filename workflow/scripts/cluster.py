"""Cluster the test galaxies of one space: KMeans of the embeddings, DBSCAN and HDBSCAN of the UMAP plane."""

from stage import stage

from pathlib import Path

import pandas as pd

from galaxypair import io
from galaxypair.cluster import describe, islands, scan_kmeans
from galaxypair.spaces import space_vectors


def cluster(
    *, embeddings: Path, projection: Path, kmeans: Path, dbscan: Path, hdbscan: Path, scan: Path,
    summary: Path, space: str, settings: dict,
) -> None:  # fmt: skip
    targetid, vectors = space_vectors(io.read_embeddings(embeddings), space)
    labels, scanned = scan_kmeans(
        vectors,
        settings["kmeans_k"],
        silhouette_galaxies=settings["silhouette_galaxies"],
        seed=settings["seed"],
    )
    plane = io.read_table(projection)
    found, settings_found = islands(plane[["x", "y"]].to_numpy(), settings)
    scanned.insert(0, "space", space)
    io.write_table(plane[["targetid"]].assign(cluster=found["dbscan"]), dbscan)
    io.write_table(plane[["targetid"]].assign(cluster=found["hdbscan"]), hdbscan)
    io.write_table(scanned, scan)
    io.write_table(describe({"kmeans": labels, **found}, settings_found, space), summary)
    io.write_table(pd.DataFrame({"targetid": targetid, "cluster": labels}), kmeans)


if __name__ == "__main__":
    stage(cluster)
