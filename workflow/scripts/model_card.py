"""Write the model's card, with its scores."""

from stage import stage

import json
from pathlib import Path

from galaxypair import io
from galaxypair import model_card as core


def model_card(config: Path, history: Path | None, zeroshot: Path, retrieval: Path, card: Path) -> None:
    exported = json.loads(config.read_text(encoding="utf-8"))
    rows = io.read_table(history) if history else None
    text = core.card(exported, rows, io.read_table(zeroshot), io.read_table(retrieval), card.parent)
    io.write_text(text, card)


if __name__ == "__main__":
    stage(model_card)
