"""Draw a UMAP projection with galaxies and median spectra of some clusters around it."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import style, umap_annotated


def figure_umap_annotated(
    *, projection: Path, clusters: Path, gallery: Path, roles: Path, spectra: Path, pdf: Path, png: Path,
    wanted: list[int] | None, method: str, space: str, dpi: int, mock: bool,
) -> None:  # fmt: skip
    chosen = io.read_table(roles)
    drawn = umap_annotated.around(
        io.read_table(projection),
        io.read_table(clusters),
        chosen,
        io.read_gallery(gallery, chosen["targetid"]),
        io.read_arrays(spectra),
        wanted=wanted,
        method=method,
        space=space,
    )
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_umap_annotated)
