"""Project the test galaxies of one space (image, spectrum or both) on their principal components."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.projection import principal_components


def pca(*, embeddings: Path, projection: Path, variance: Path, space: str) -> None:
    plane, explained = principal_components(io.read_embeddings(embeddings), space)
    io.write_table(plane, projection)
    io.write_table(explained, variance)


if __name__ == "__main__":
    stage(pca)
