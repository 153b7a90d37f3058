"""Train a network on labels, from images or from spectra alone; predict the test split."""

from stage import stage

import json
from pathlib import Path

from galaxypair import io, supervised as core, training
from galaxypair.io.checkpoints import write_weights
from galaxypair.supervised_labels import labels


def supervised(
    *, manifest: Path, properties: Path, predictions: Path, weights: Path, config: Path, history: Path,
    state: Path, modules: list[Path], network: str, crop_px: int, targets: list | None, settings: dict,
    threads: int = 1,
) -> None:  # fmt: skip
    dataset, known = io.read_manifest(manifest), labels(io.read_table(properties), targets)
    shaping = {"network": network, "crop_px": crop_px, "targets": list(known)}
    key = training.state_key(shaping, settings, dataset["fingerprint"], [*modules, properties])
    with training.only_writer(state / key):
        made, rows = core.fit(
            dataset, state / key, network, known, settings, crop_px=crop_px, threads=threads
        )
    io.write_table(core.predict(made, dataset, network, known, settings), predictions)
    write_weights(made.state_dict(), weights)
    io.write_table(rows, history)
    told = core.describe(made, shaping, settings, dataset)
    io.write_text(json.dumps(told, indent=1) + "\n", config)


if __name__ == "__main__":
    stage(supervised)
