"""Bytes that cross the wire for a share of a joint file, against the size of the file.

`python benchmarks/subset.py [--gigabytes 5] [--fraction 0.01] [--chunk ROWS] [--folder F]`: a file of that
size is written, served on this machine, and a share of it fetched in a process of its own. `--chunk`:
compressed, in chunks of so many rows.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "src"), str(REPO / "tests")]

from http_server import FileServer

from galaxypair import io, tables
from galaxypair.fetch import subset
from galaxypair.fetch.transfer import Wanted

ROW_BYTES = sum(np.prod(s, dtype=int) * np.dtype(d).itemsize for s, d in tables.JOINT_DATASETS.values())


def write_joint(path: Path, rows: int, chunk: int | None) -> None:
    """Ten groups of `rows` galaxies of noise, the same again and again but for their TARGETIDs."""
    rng = np.random.default_rng(1)
    noise = {name: rng.normal(size=(256, *s)).astype(d) for name, (s, d) in tables.JOINT_DATASETS.items()}
    with h5py.File(path, "w") as file:
        for group in tables.JOINT_GROUPS:
            if chunk is None:
                node = io.create_joint_group(file, group, rows)
            else:
                node = file.create_group(group)
                for name, (shape, dtype) in tables.JOINT_DATASETS.items():
                    stored = {"chunks": (chunk, *shape), "compression": "lzf"}
                    node.create_dataset(name, (rows, *shape), dtype, **stored)
            for start in range(0, rows, 256):
                n = min(256, rows - start)
                for name, values in noise.items():
                    node[name][start : start + n] = values[:n]
            node["targetids"][:] = int(group) * rows + np.arange(rows)


def fetch(url: str, joint: Path, fraction: float) -> tuple[float, float]:
    """Seconds and peak memory [MB] of the fetching process."""
    start = time.perf_counter()
    wanted = Wanted(url, "download.files.joint")
    subset.fetch_subset(wanted, joint, fraction=fraction, block_rows=64, train_fraction=0.8)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--fraction", type=float, default=0.01)
    parser.add_argument("--chunk", type=int, metavar="ROWS")
    parser.add_argument("--folder", type=Path, help="where the file is written; default: the system's")
    chosen = parser.parse_args()
    rows = round(chosen.gigabytes * 1e9 / ROW_BYTES / len(tables.JOINT_GROUPS))
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        remote, joint = Path(name) / "remote.h5", Path(name) / "joint.h5"
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            pool.apply(write_joint, (remote, rows, chosen.chunk))
        with FileServer({remote.name: remote}) as server, context.Pool(1) as pool:
            seconds, megabytes = pool.apply(fetch, (server.url(remote.name), joint, chosen.fraction))
        size = remote.stat().st_size
        galaxies = sum(io.check_joint(joint).values())
        print(
            f"{galaxies:,} galaxies, {100 * galaxies / (10 * rows):.2f} % of {size / 1e9:.1f} GB: "
            f"{100 * server.bytes_served / size:.2f} % of its bytes in {len(server.served)} requests, "
            f"{seconds:.1f} s, peak memory {megabytes:.0f} MB"
        )


if __name__ == "__main__":
    main()
