"""Project the test galaxies of one space (image, spectrum or both) into a plane with UMAP."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.projection import UmapSettings
from galaxypair.projection import project as project_space


def project(embeddings: Path, projection: Path, space: str, settings: dict) -> None:
    umap = {name: value for name, value in settings.items() if name != "max_galaxies"}
    table = project_space(
        io.read_embeddings(embeddings),
        space,
        max_galaxies=settings["max_galaxies"],
        settings=UmapSettings(**umap),
    )
    io.write_table(table, projection)


if __name__ == "__main__":
    stage(project)
