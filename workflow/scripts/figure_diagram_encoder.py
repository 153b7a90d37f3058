"""Draw one tower of the model, layer by layer."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import diagrams, style


def figure_diagram_encoder(
    *, layers: Path, gallery: Path, roles: Path, pdf: Path, png: Path, modality: str, crop_px: int, dpi: int,
    mock: bool,
) -> None:  # fmt: skip
    example = io.read_table(roles).query("role == 'example'").sort_values("order")["targetid"][:1]
    shown = io.read_gallery(gallery, example)
    drawn = diagrams.encoder(io.read_table(layers), modality, shown, crop_px)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_diagram_encoder)
