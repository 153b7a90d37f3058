"""Cluster the test galaxies of one space: KMeans of the embeddings, DBSCAN of the UMAP plane."""

from stage import stage

from pathlib import Path

import pandas as pd

from galaxypair import io
from galaxypair.cluster import dbscan_islands, scan_kmeans
from galaxypair.projection import space_vectors


def cluster(
    *, embeddings: Path, projection: Path, kmeans: Path, dbscan: Path, scan: Path, space: str, settings: dict
) -> None:
    targetid, vectors = space_vectors(io.read_embeddings(embeddings), space)
    labels, scanned = scan_kmeans(
        vectors,
        settings["kmeans_k"],
        silhouette_galaxies=settings["silhouette_galaxies"],
        seed=settings["seed"],
    )
    plane = io.read_table(projection)
    islands = dbscan_islands(
        plane[["x", "y"]].to_numpy(),
        min_samples=settings["dbscan_min_samples"],
        eps_quantile=settings["dbscan_eps_quantile"],
    )
    scanned.insert(0, "space", space)
    io.write_table(plane[["targetid"]].assign(cluster=islands), dbscan)
    io.write_table(scanned, scan)
    io.write_table(pd.DataFrame({"targetid": targetid, "cluster": labels}), kmeans)


if __name__ == "__main__":
    stage(cluster)
