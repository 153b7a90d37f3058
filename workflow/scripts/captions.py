"""Write the captions of a run's figures: as LaTeX figures and as plain text."""

from stage import stage

from pathlib import Path

from galaxypair import captions as writing
from galaxypair import io, report


def captions(*, figures: list[Path], templates: list[Path], latex: Path, text: Path, settings: dict) -> None:
    filled = {png: report.describe(png, templates[0].parent, settings)[1] for png in figures}
    pages = [writing.latex_figure(png.with_suffix(".pdf"), caption) for png, caption in filled.items()]
    io.write_text("\n".join(pages), latex)
    lines = [f"{png.stem}\n{writing.as_text(caption)}\n" for png, caption in filled.items()]
    io.write_text("\n".join(lines), text)


if __name__ == "__main__":
    stage(captions)
