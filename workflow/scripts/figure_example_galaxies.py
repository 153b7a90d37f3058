"""Draw example galaxies: cutout and spectrum with its lines."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import galaxies, style


def figure_example_galaxies(
    *, gallery: Path, roles: Path, pdf: Path, png: Path, dpi: int, mock: bool
) -> None:
    chosen = io.read_table(roles).query("role == 'example'").sort_values("order")
    drawn = galaxies.examples(io.read_gallery(gallery, chosen["targetid"]))
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_example_galaxies)
