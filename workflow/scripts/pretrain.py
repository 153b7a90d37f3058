"""Pretrain one encoder by itself on the train split; export it."""

from stage import stage

import json
from pathlib import Path

from galaxypair import io, training
from galaxypair import pretrain as core
from galaxypair.io.checkpoints import write_weights


def pretrain(
    *, manifest: Path, weights: Path, config: Path, history: Path, card: Path, state: Path,
    modules: list[Path], modality: str, encoder: dict, settings: dict, provenance: dict, threads: int = 1,
) -> None:  # fmt: skip
    dataset = io.read_manifest(manifest)
    folder = state / training.state_key(encoder, settings, dataset["fingerprint"], modules)
    with training.only_writer(folder):
        found, rows = core.fit(dataset, folder, modality, encoder, settings, threads=threads)
    exported = provenance | core.describe(modality, encoder, settings, dataset, found)
    write_weights(found, weights)
    io.write_table(rows, history)
    io.write_text(json.dumps(exported, indent=1) + "\n", config)
    io.write_text(core.card(exported, rows), card)


if __name__ == "__main__":
    stage(pretrain)
