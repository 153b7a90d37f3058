"""Draw the worst suspected artefacts: cutout and spectrum."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import anomalies, style


def figure_artefacts(
    *, lists: Path, gallery: Path, roles: Path, pdf: Path, png: Path, dpi: int, mock: bool
) -> None:
    n_galaxies = len(io.read_table(lists, ["targetid"]))
    listed = io.read_table(roles).query("role == 'artefacts'")
    drawn = anomalies.artefacts(listed, io.read_gallery(gallery, listed["targetid"]), n_galaxies)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_artefacts)
