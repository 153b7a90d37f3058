"""Pretrain one encoder by itself, on the train split or on a stream of mock galaxies; export it."""

from stage import stage

import json
from pathlib import Path


def pretrain(
    *, manifest: Path | None, library: Path | None, weights: Path, config: Path, history: Path, card: Path,
    state: Path, modules: list[Path], modality: str, encoder: dict, settings: dict, stream: dict | None,
    provenance: dict, threads: int = 1,
) -> None:  # fmt: skip
    # here: processes that simulate run this file's head too, and have no use for PyTorch
    from galaxypair import io, training
    from galaxypair import pretrain as core
    from galaxypair.io.checkpoints import write_weights
    from galaxypair.mock.stream import Stream

    data = io.read_manifest(manifest) if manifest else Stream(library, **stream)
    dataset = data if manifest else data.describe()
    folder = state / training.state_key(encoder, settings, dataset["fingerprint"], modules)
    with training.only_writer(folder):
        found, rows = core.fit(data, folder, modality, encoder, settings, threads=threads)
    exported = provenance | core.describe(modality, encoder, settings, dataset, found)
    write_weights(found, weights)
    io.write_table(rows, history)
    io.write_text(json.dumps(exported, indent=1) + "\n", config)
    io.write_text(core.card(exported, rows), card)


if __name__ == "__main__":
    stage(pretrain)
