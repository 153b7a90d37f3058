"""Measure zero-shot regression under the protocols of `protocols`, beside the pipeline's own.

Writes one table of scores, and how each protocol was carried out: neighbours, galaxies, settings.
"""

from stage import stage

import json
from pathlib import Path

import pandas as pd

from galaxypair import io
from galaxypair.protocol_scores import measure
from galaxypair.protocols import configured


def protocols(
    *, train: Path, val: Path | None, test: Path, properties: Path, own: Path, own_record: Path,
    metrics: Path, records: Path, sections: dict, settings: dict,
) -> None:  # fmt: skip
    paths = {"train": train, "val": val, "test": test}
    scores, carried_out = measure(
        configured(sections),
        {split: io.read_embeddings(path) for split, path in paths.items() if path},
        io.read_table(properties),
        targets=settings["targets"],
        bootstrap=settings["bootstrap"],
        seed=settings["seed"],
    )
    carried_out = json.loads(own_record.read_text(encoding="utf-8")) | carried_out
    io.write_table(pd.concat([io.read_table(own), *scores], ignore_index=True), metrics)
    io.write_text(json.dumps(carried_out, indent=2) + "\n", records)


if __name__ == "__main__":
    stage(protocols)
