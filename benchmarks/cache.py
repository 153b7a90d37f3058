"""Heads of frozen encoders, trained on stored features and with the encoders in every step.

`python benchmarks/cache.py`: the recipe config/rep.yaml with its encoders at full size (random weights)
on made galaxies, 80 epochs and the pass over the views included, against an epoch with the encoders in
it; then whether both ways end at one loss, with small encoders and several seeds.
"""

import argparse
import copy
import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import yaml

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "src"), str(REPO / "tests")]

from checkpoint_factories import make_spender, make_stein

from galaxypair import checkpoints, features, io, loaders, model, tables, train
from galaxypair.frozen import frozen_modalities

SEEDS = (1, 2, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--galaxies", type=int, default=256, help="of the train split, and one batch")
    parser.add_argument("--loop-galaxies", type=int, default=64, help="of the epoch with the encoders in it")
    parser.add_argument("--views", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--epochs", type=int, default=80)
    arguments = parser.parse_args()
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        words = [*compare_speed(where, arguments), compare_losses(where)]
    print("; ".join(words))


def quiet() -> None:
    warnings.filterwarnings("ignore")
    for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "galaxypair"):
        logging.getLogger(name).setLevel(logging.ERROR)


def make_galaxies(folder: Path, n_train: int, n_val: int, crop_px: int) -> dict:
    """Shards of blobs and lines: size and colour of an image tell where the line is and how the slope."""
    rng = np.random.default_rng(0)
    n = n_train + n_val
    size, colour = rng.random(n), rng.random(n)
    y, x = np.mgrid[:crop_px, :crop_px] - crop_px / 2
    blob = np.exp(-np.hypot(x, y)[None] / (2 + 6 * size[:, None, None]))
    bands = np.stack([0.3 + colour, np.ones(n), 1.3 - colour], 1)
    bins = np.linspace(0, 1, tables.N_WAVELENGTH)
    spectrum = 1 + (colour[:, None] - 0.5) * bins
    spectrum += 3 * np.exp(-(((bins - 0.1 - 0.8 * size[:, None]) / 0.003) ** 2) / 2)
    columns = {
        "image": (
            blob[..., None] * bands[:, None, None] + rng.normal(0, 0.02, (n, crop_px, crop_px, 3))
        ).astype("f4"),
        "spectrum": (spectrum + rng.normal(0, 0.2, spectrum.shape)).astype("f4"),
        "z": np.full(n, 0.1, "f4"),
        "targetid": np.arange(n),
        "split": np.repeat([0, 1], [n_train, n_val]).astype("u1"),
        "has_image": np.ones(n, bool),
        "has_spectrum": np.ones(n, bool),
    }
    io.write_arrays(folder / "shard-00000.h5", columns)
    shards = [{"name": "shard-00000.h5", "rows": n}]
    manifest = {"crop_px": crop_px, "shards": shards, "splits": {}, "fingerprint": "made"}
    io.write_text(json.dumps(manifest), folder / "manifest.json")
    return io.read_manifest(folder / "manifest.json")


def compare_speed(folder: Path, arguments: argparse.Namespace) -> list[str]:
    """Train by both ways with the encoders at full size; tell the pairs per second."""
    model_settings, settings, crop_px = recipe()
    weights = {"image": make_stein(folder / "stein.ckpt"), "spectrum": make_spender(folder / "spender.pt")}
    manifest = make_galaxies(folder, arguments.galaxies, 8, crop_px)
    small = make_galaxies(folder / "small", arguments.loop_galaxies, 8, crop_px)
    options = {"threads": torch.get_num_threads(), "weights": weights}

    def loop(epochs: int) -> None:
        short = settings | {"epochs": epochs, "batch_size": arguments.loop_galaxies}
        train.fit(small, folder / f"loop{epochs}", model_settings, short, **options)

    # an epoch alone, without what comes before the first
    rate = arguments.loop_galaxies / (timed(lambda: loop(2)) - timed(lambda: loop(1)))
    words = [f"encoders in every step {rate:.0f} pairs/s"]
    for views in arguments.views:
        chosen = settings | {"views": views, "epochs": arguments.epochs, "batch_size": arguments.galaxies}
        start = clock()
        cached = build(folder / f"views{views}", manifest, model_settings, chosen, weights)
        passed = clock() - start
        train.fit(manifest, folder / f"t{views}", model_settings, chosen, cached=cached, **options)
        total = clock() - start
        faster = arguments.galaxies * arguments.epochs / total / rate
        words.append(
            f"{views} stored views {faster:.0f} x faster ({passed:.0f} s of {total:.0f} s for the pass)"
        )
    return words


def compare_losses(folder: Path) -> str:
    """Train by both ways with several seeds and small encoders; tell the validation losses."""
    model_settings, settings, crop_px = recipe()
    model_settings |= {"embedding_dim": 16}
    for modality in tables.MODALITIES:
        extra = {
            "encoder": "compact",
            "compact": {"width": 4},
            "frozen": True,
            "head": "mlp",
            "head_init": "random",
        }
        model_settings[modality] |= extra
    model_settings["logit_scale"] = 15.5
    settings |= {"epochs": 12, "batch_size": 64, "learning_rate": 3e-3, "weight_decay": 0.0}
    manifest = make_galaxies(folder / "agreement", 256, 128, crop_px)
    weights = adapted_encoders(folder, manifest, model_settings)
    checkpoints.ENCODERS["compact"] = lambda path: torch.load(path, weights_only=True)
    losses: dict[str, list[float]] = {"every step": [], "stored": []}
    for seed in SEEDS:
        chosen = settings | {"seed": seed}
        cached = build(folder / f"seed{seed}", manifest, model_settings, chosen, weights)
        for name, paths in (("every step", None), ("stored", cached)):
            state = folder / f"{name} {seed}"
            options = {"threads": torch.get_num_threads(), "weights": weights, "cached": paths}
            _, rows = train.fit(manifest, state, model_settings, chosen, **options)
            losses[name].append(rows["val_loss"].min())
    words = (f"{name} {np.mean(found):.3f} +- {np.std(found):.3f}" for name, found in losses.items())
    return f"validation loss of {len(SEEDS)} seeds: " + ", ".join(words)


def adapted_encoders(folder: Path, manifest: dict, model_settings: dict) -> dict[str, Path]:
    """Write random encoders whose BatchNorm has seen the galaxies, so that their features differ."""
    torch.manual_seed(0)
    made = model.build(model_settings).train()
    batch = loaders.ShardDataset(manifest, "train").__getitems__(range(64))
    paths = {m: folder / f"{m}.pt" for m in tables.MODALITIES}
    for modality, path in paths.items():
        with torch.no_grad():
            for _ in range(30):
                made.encoders[modality](batch[modality])
        torch.save(made.encoders[modality].state_dict(), path)
    return paths


def recipe() -> tuple[dict, dict, int]:
    """Sections `model` and `train` of config/rep.yaml, and the size of its cutouts."""
    merged = yaml.safe_load((REPO / "config" / "config.yaml").read_text())
    overlay = yaml.safe_load((REPO / "config" / "rep.yaml").read_text())
    sections = {name: merge(merged[name], overlay.get(name, {})) for name in ("model", "train", "preprocess")}
    return sections["model"], sections["train"], sections["preprocess"]["crop_px"]


def merge(base: dict, changes: dict) -> dict:
    inner = {k: merge(base[k], v) if isinstance(v, dict) else v for k, v in changes.items()}
    return copy.deepcopy(base) | inner


def build(
    folder: Path, manifest: dict, model_settings: dict, settings: dict, weights: dict
) -> dict[str, Path]:
    """Features of both splits, as the rule `features` makes them."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoders = {m: model_settings[m] for m in frozen_modalities(model_settings)}
    paths = {split: folder / f"{split}.h5" for split in ("train", "val")}
    for split, path in paths.items():
        features.build(
            manifest, split, path,
            encoders=encoders, settings=settings, weights=weights, device=device, code=[],
        )  # fmt: skip
    return paths


def clock() -> float:
    """Seconds: on CPUs those of the processor, so that other work on the machine does not count."""
    return time.perf_counter() if torch.cuda.is_available() else time.process_time()


def timed(call: Callable[[], None]) -> float:
    start = clock()
    call()
    return clock() - start


if __name__ == "__main__":
    main()
