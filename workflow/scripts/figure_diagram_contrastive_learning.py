"""Draw contrastive learning with galaxies of the run."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import diagrams, style


def figure_diagram_contrastive_learning(
    *, gallery: Path, roles: Path, embeddings: Path, pdf: Path, png: Path, towers: dict[str, str], dpi: int,
    mock: bool,
) -> None:  # fmt: skip
    examples = io.read_table(roles).query("role == 'example'").sort_values("order")["targetid"]
    targetid, cosines = diagrams.pairs(io.read_embeddings(embeddings), examples.to_numpy())
    drawn = diagrams.contrast(io.read_gallery(gallery, targetid), cosines, towers)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_diagram_contrastive_learning)
