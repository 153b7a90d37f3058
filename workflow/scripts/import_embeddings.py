"""Start from embeddings that others published or that you made yourself.

Writes the same tables of embeddings and the same ledger as a run that trained a model, and where the
embeddings come from.
"""

from stage import stage

import json
import logging
from pathlib import Path

from galaxypair import io, tables
from galaxypair.ledger import balance
from galaxypair.published import embeddings as core
from galaxypair.published.layouts import split_files
from galaxypair.quality import Cuts


def import_embeddings(
    *, train: Path, val: Path, test: Path, ledger: Path, source: Path, settings: dict,
    cuts: dict, split: dict,
) -> None:  # fmt: skip
    files = {name: Path(path) for name, path in split_files(settings["path"]).items()}
    present = {s: f for s, f in files.items() if s != "val" or f.is_file()}
    outputs = dict(zip(tables.SPLITS, (train, val, test), strict=True))
    frame, origin = core.import_embeddings(present, outputs, settings, Cuts(**cuts), split)
    io.write_table(frame, ledger)
    io.write_text(json.dumps(origin, indent=1) + "\n", source)
    logging.getLogger(__name__).info("%s", balance(frame))


if __name__ == "__main__":
    stage(import_embeddings)
