"""Train the two towers on the train split; export the best epoch."""

from stage import stage

import json
from pathlib import Path

from galaxypair import io, model, training
from galaxypair import throughput as speed
from galaxypair import train as core


def train(
    *, manifest: Path, image_weights: Path | None, spectrum_weights: Path | None,
    train_features: Path | None, val_features: Path | None, modules: list[Path],
    weights: Path, config: Path, history: Path, throughput: Path, state: Path,
    model_settings: dict, settings: dict, provenance: dict, threads: int = 1,
) -> None:  # fmt: skip
    dataset = io.read_manifest(manifest)
    published = {m: p for m, p in (("image", image_weights), ("spectrum", spectrum_weights)) if p}
    cached = {s: p for s, p in (("train", train_features), ("val", val_features)) if p}
    shaping = [*modules, *published.values()]
    folder = state / training.state_key(model_settings, settings, dataset["fingerprint"], shaping)
    with training.only_writer(folder):
        best, rows = core.fit(
            dataset, folder, model_settings, settings, threads=threads, weights=published, cached=cached
        )
    exported = provenance | core.describe(best, model_settings, settings, dataset, published)
    model.save(best, weights)
    io.write_table(rows, history)
    io.write_table(speed.read(folder), throughput)
    io.write_text(json.dumps(exported, indent=1) + "\n", config)


if __name__ == "__main__":
    stage(train)
