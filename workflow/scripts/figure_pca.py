"""Draw the principal components of the embeddings coloured by one property."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import projection, style


def figure_pca(
    *, projections: list[Path], variances: list[Path], properties: Path, values: Path, pdf: Path, png: Path,
    property: str, dpi: int, mock: bool,
) -> None:  # fmt: skip
    catalogue = projection.with_derived(io.read_table(properties), io.read_table(values))
    column = style.column(property, list(catalogue.columns.drop("targetid")))
    planes, shares = (
        {p.stem.removeprefix("pca_"): io.read_table(p) for p in paths} for paths in (projections, variances)
    )
    drawn = projection.components(planes, shares, catalogue, column)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_pca)
