"""Train the two towers on the train split; export the best epoch."""

from stage import stage

import json
from pathlib import Path

import torch

from galaxypair import __version__, io, model, train


def run(
    manifest: Path,
    weights: Path,
    config: Path,
    history: Path,
    card: Path,
    state: Path,
    model_settings: dict,
    settings: dict,
    provenance: dict,
    modules: list[Path],
    threads: int = 1,
) -> None:
    dataset = io.read_manifest(manifest)
    folder = state / train.state_key(model_settings, settings, dataset["fingerprint"], modules)
    with train.only_writer(folder):
        best, rows = train.fit(dataset, folder, model_settings, settings, threads=threads)
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
    io.write_text(train.card(exported, rows), card)


if __name__ == "__main__":
    stage(run)
