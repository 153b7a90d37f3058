"""Train the two towers on the train split; export the best epoch."""

from stage import stage

import json
from pathlib import Path

import torch

from galaxypair import __version__, io, model
from galaxypair import train as core


def train(
    *, manifest: Path, weights: Path, config: Path, history: Path, card: Path, state: Path,
    model_settings: dict, settings: dict, provenance: dict, modules: list[Path], threads: int = 1,
) -> None:  # fmt: skip
    dataset = io.read_manifest(manifest)
    folder = state / core.state_key(model_settings, settings, dataset["fingerprint"], modules)
    with core.only_writer(folder):
        best, rows = core.fit(dataset, folder, model_settings, settings, threads=threads)
    exported = {
        **provenance,
        "model": model_settings,
        "train": settings,
        "dataset": {key: dataset[key] for key in ("crop_px", "splits", "fingerprint")},
        "n_parameters": model.n_parameters(best),
        "versions": {"galaxypair": __version__, "torch": torch.__version__},
    }
    model.save(best, weights)
    io.write_table(rows, history)
    io.write_text(json.dumps(exported, indent=1) + "\n", config)
    io.write_text(core.card(exported, rows), card)


if __name__ == "__main__":
    stage(train)
