"""Draw zero-shot scores under each protocol side by side."""

from stage import stage

import json
from pathlib import Path

from galaxypair import io
from galaxypair.figures import protocols, style


def figure_protocols(*, metrics: Path, records: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    described = json.loads(records.read_text(encoding="utf-8"))
    drawn = protocols.side_by_side(io.read_table(metrics), described)
    style.save(drawn, pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_protocols)
