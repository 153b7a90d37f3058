"""Time to read a batch of training from many shards, random rows as in training.

`python benchmarks/shards.py [--shards 80 400 2000]`: made shards of 50 galaxies, 180 MB, of which the others
are links, so that all is in memory. Each shard has been read from before. The figures are printed last.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from galaxypair import io, loaders, tables

FILES, ROWS, BATCH, TIMED = 20, 50, 512, 8


def make_shard(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    everyone = np.ones(ROWS, bool)
    columns = {
        "image": rng.random((ROWS, 112, 112, 3), np.float32),
        "spectrum": rng.random((ROWS, tables.N_WAVELENGTH), np.float32),
        "z": rng.random(ROWS, np.float32),
        "split": np.zeros(ROWS, np.uint8),
    }
    io.write_arrays(path, columns | {f"has_{modality}": everyone for modality in tables.MODALITIES})


def measure(paths: list[Path]) -> float:
    """CPU milliseconds per galaxy."""
    dataset = loaders.ShardDataset({"paths": paths}, "train")
    rng = np.random.default_rng(0)
    dataset.__getitems__(range(0, len(dataset), ROWS))  # one row of each
    start = time.process_time()
    for _ in range(TIMED):
        dataset.__getitems__(rng.choice(len(dataset), BATCH, replace=False).tolist())
    return (time.process_time() - start) / TIMED / BATCH * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--shards", type=int, nargs="+", default=[80, 400, 2000])
    found = []
    with tempfile.TemporaryDirectory() as name:
        made = [Path(name) / f"made-{i}.h5" for i in range(FILES)]
        for seed, path in enumerate(made):
            make_shard(path, seed)
        for shards in parser.parse_args().shards:
            links = [Path(name) / f"{shards}-{i}.h5" for i in range(shards)]
            for i, link in enumerate(links):
                link.symlink_to(made[i % FILES])
            found.append(f"{shards:,} shards {measure(links):.2f} ms")
    print(f"CPU time per galaxy of batches of {BATCH}, {loaders.OPEN_FILES} files open: {'; '.join(found)}")


if __name__ == "__main__":
    main()
