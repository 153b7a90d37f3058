"""Heads of frozen encoders, trained on stored features and with the encoders in every step.

`python benchmarks/cache.py`: the recipe config/rep.yaml with its encoders at full size (random weights)
on made galaxies, 80 epochs and the pass over the views included, against an epoch with the encoders in
it; then what the number of views does to loss and redshifts of mock galaxies (`_mock_views`). On a CPU
its seconds are those of the processor, so that other work on the machine does not count.
"""

import argparse
import copy
import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

# waiting threads would count as working ones
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
import yaml

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "src"), str(REPO / "tests"), str(REPO / "benchmarks")]

import _mock_views
from checkpoint_factories import make_spender, make_stein

from galaxypair import features, io, tables, train
from galaxypair.frozen import frozen_modalities

REP_PAIRS = 158_377  # of the train split of the reproduction
SHARD_ROWS = 1024
VAL_SHARE = 10  # train galaxies for each of the validation, as in the recipe


def main() -> None:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--galaxies", type=int, default=8192 if on_gpu else 2048, help="of the train split")
    parser.add_argument("--loop-galaxies", type=int, default=512, help="of the epoch with the encoders in it")
    parser.add_argument("--views", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--no-mock", action="store_true", help="leave the mock galaxies out")
    arguments = parser.parse_args()
    quiet()
    base = recipe()
    words = []
    with tempfile.TemporaryDirectory() as folder:
        if not arguments.no_mock:
            found = _mock_views.compare(Path(folder), base, torch.get_num_threads())
            print(found, flush=True)
            words.append(found.splitlines()[-1])
        if arguments.views:
            words[:0] = compare_speed(Path(folder), base, arguments)
    print("; ".join(words))


def quiet() -> None:
    warnings.filterwarnings("ignore")
    for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "galaxypair"):
        logging.getLogger(name).setLevel(logging.ERROR)


def make_galaxies(folder: Path, n_train: int, crop_px: int) -> dict:
    """Shards of noise galaxies, with a tenth as many for validation."""
    n = n_train + max(n_train // VAL_SHARE, 2)
    rng, shards = np.random.default_rng(0), []
    for start in range(0, n, SHARD_ROWS):
        rows = np.arange(start, min(start + SHARD_ROWS, n))
        columns = {
            "image": rng.standard_normal((len(rows), crop_px, crop_px, 3), np.float32),
            "spectrum": 1 + rng.standard_normal((len(rows), tables.N_WAVELENGTH), np.float32),
            "z": np.full(len(rows), 0.1, "f4"),
            "targetid": rows,
            "split": (rows >= n_train).astype("u1"),
            "has_image": np.ones(len(rows), bool),
            "has_spectrum": np.ones(len(rows), bool),
        }
        shards.append({"name": f"shard-{len(shards):05d}.h5", "rows": len(rows)})
        io.write_arrays(folder / shards[-1]["name"], columns)
    manifest = {"crop_px": crop_px, "shards": shards, "splits": {}, "fingerprint": "made"}
    io.write_text(json.dumps(manifest), folder / "manifest.json")
    return io.read_manifest(folder / "manifest.json")


def compare_speed(folder: Path, base: dict[str, dict], arguments: argparse.Namespace) -> list[str]:
    """Train by both ways with the encoders at full size; tell the pairs per second."""
    model_settings, settings, crop_px = base["model"], base["train"], base["preprocess"]["crop_px"]
    weights = {"image": make_stein(folder / "stein.ckpt"), "spectrum": make_spender(folder / "spender.pt")}
    options = {"threads": torch.get_num_threads(), "weights": weights}
    small = make_galaxies(folder / "small", arguments.loop_galaxies, crop_px)

    def loop(epochs: int) -> None:
        size = min(settings["batch_size"], arguments.loop_galaxies)
        short = settings | {"epochs": epochs, "batch_size": size}
        train.fit(small, folder / f"loop{epochs}", model_settings, short, **options)

    # an epoch alone, without what comes before the first
    rate = arguments.loop_galaxies / (timed(lambda: loop(2)) - timed(lambda: loop(1)))
    words = [f"encoders in every step {rate:.1f} pairs/s"]
    print(words[0], flush=True)
    n, epochs = arguments.galaxies, settings["epochs"]
    manifest = make_galaxies(folder / "speed", n, crop_px)
    for views in arguments.views:
        chosen = settings | {"views": views, "batch_size": min(settings["batch_size"], n)}
        start = clock()
        cached = build(folder / f"views{views}", manifest, model_settings, chosen, weights)
        passed = clock() - start
        train.fit(manifest, folder / f"t{views}", model_settings, chosen, cached=cached, **options)
        total = clock() - start
        words.append(
            f"{views} stored view{'s' if views > 1 else ''} {n * epochs / total / rate:.0f} x faster "
            f"({passed:.0f} s of {total:.0f} s for the pass; all {REP_PAIRS:,} pairs of the reproduction: "
            f"{total / n * REP_PAIRS / 60:.0f} minutes)"
        )
        print(words[-1], flush=True)
    return words


def recipe() -> dict[str, dict]:
    """Sections of config/rep.yaml over those of config/config.yaml."""
    merged = yaml.safe_load((REPO / "config" / "config.yaml").read_text())
    overlay = yaml.safe_load((REPO / "config" / "rep.yaml").read_text())
    return {
        name: merge(merged[name], overlay.get(name, {})) for name in ("model", "train", "preprocess", "split")
    }


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
