"""Compare training and embedding from shards with the same steps on one batch in memory.

`python benchmarks/loader.py [--threads 2] [--passes 5] [--manifest M]`. Model and batch sizes of the demo;
without a manifest, shards of noise in a temporary folder (400 MB). Both sides take turns, a pass over the
shards each; the figures are the medians of the ratios. CPU time is what counts where other programs run too.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import lightning
import numpy as np
import torch
import yaml
from lightning.pytorch.callbacks import Callback

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "src"))

from galaxypair import embed, io, loaders, model, tables
from galaxypair.contrastive import ContrastiveTask

CONFIG = yaml.safe_load((REPO / "config/config.yaml").read_text(encoding="utf-8"))
SHARDS, ROWS = 4, 512
Side = Callable[[], np.ndarray]


class OneBatch:
    """A loader that gives the same batch again and again."""

    def __init__(self, batch: dict, n: int) -> None:
        self.batch, self.n = batch, n

    def __len__(self) -> int:
        return self.n

    def __iter__(self):
        return iter([self.batch] * self.n)


def make_dataset(folder: Path) -> Path:
    rng, crop_px = np.random.default_rng(1), CONFIG["preprocess"]["crop_px"]
    for number in range(SHARDS):
        columns = {
            "image": rng.normal(0, 0.1, (ROWS, crop_px, crop_px, 3)).astype("f4"),
            "spectrum": rng.normal(1, 0.3, (ROWS, tables.N_WAVELENGTH)).astype("f4"),
            "z": np.full(ROWS, 0.2, "f4"),
            "targetid": np.arange(ROWS) + number * ROWS,
            "split": np.full(ROWS, tables.SPLITS.index("train"), "u1"),
            "has_image": np.ones(ROWS, bool),
            "has_spectrum": np.ones(ROWS, bool),
        }
        io.write_arrays(folder / tables.SHARD_NAME.format(number), columns)
    shards = [{"name": tables.SHARD_NAME.format(number), "rows": ROWS} for number in range(SHARDS)]
    splits = {split: SHARDS * ROWS * (split == "train") for split in tables.SPLITS}
    manifest = {"crop_px": crop_px, "shards": shards, "splits": splits, "fingerprint": ""}
    io.write_text(json.dumps(manifest), folder / "manifest.json")
    return folder / "manifest.json"


class Clock(Callback):
    """Wall and CPU seconds of an epoch without what comes before and after it."""

    def on_train_epoch_start(self, *_: object) -> None:
        """Start."""
        self.start = clocks()

    def on_train_epoch_end(self, *_: object) -> None:
        """Stop."""
        self.seconds = clocks() - self.start


def clocks() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


def train_on(batches: loaders.PrefetchingLoader | OneBatch) -> np.ndarray:
    """Wall and CPU seconds per galaxy."""
    task = ContrastiveTask(CONFIG["model"], CONFIG["train"] | {"epochs": 1}, len(batches))
    clock = Clock()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=1, callbacks=[clock], enable_model_summary=False, **quiet
    )
    trainer.fit(task, batches)
    return clock.seconds / len(batches) / CONFIG["train"]["batch_size"]


def training(manifest: dict) -> tuple[Side, Side]:
    dataset = loaders.ShardDataset(manifest, "train")
    size = CONFIG["train"]["batch_size"]
    order = loaders.EpochSampler(len(dataset), 1)
    shards = loaders.loader(dataset, loaders.Share(order, size))
    memory = OneBatch(dataset.__getitems__(np.arange(size)), len(shards))
    return lambda: train_on(shards), lambda: train_on(memory)


def embedding(manifest: dict, folder: Path) -> tuple[Side, Side]:
    made, size = model.build(CONFIG["model"]).eval(), CONFIG["embed"]["batch_size"]
    columns = ["z", *tables.MODALITIES, "has_image", "has_spectrum"]
    batch = next(io.iter_shards(manifest, columns, split="train", batch_rows=size))
    n = manifest["splits"]["train"]

    def from_shards() -> np.ndarray:
        start = clocks()
        embed.embed_split(manifest, made, "train", folder / "train.parquet", size)
        return (clocks() - start) / n

    def from_memory() -> np.ndarray:
        start = clocks()
        for _ in range(n // size):
            embed.embed_batch(made, batch)
        return (clocks() - start) / (n // size * size)

    return from_shards, from_memory


def compare(name: str, shards: Side, memory: Side, passes: int) -> str:
    shards(), memory()  # first touches
    times = np.array([(shards(), memory()) for _ in range(passes)])  # (passes, sides, clocks)
    wall, cpu = np.median(times[:, 1] / times[:, 0], axis=0)
    rate = 1 / np.median(times[:, 0, 0])
    line = (
        f"{name} {100 * wall:.0f} % of the rate in memory (by CPU time {100 * cpu:.0f} %; {rate:.0f} pairs/s)"
    )
    print(line, flush=True)
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--manifest", type=Path, help="of a dataset that is there")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = io.read_manifest(chosen.manifest or make_dataset(folder))
        sides = {"training": training(manifest), "embedding": embedding(manifest, folder)}
        lines = [compare(what, *pair, chosen.passes) for what, pair in sides.items()]
    print(f"rate from shards, {chosen.threads} threads: " + "; ".join(lines))


if __name__ == "__main__":
    main()
