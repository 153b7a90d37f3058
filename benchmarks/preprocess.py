"""Compare preprocess with a plain block copy of the same bytes, on two sizes of survey and all cores.

`python benchmarks/preprocess.py [--gb SMALL LARGE] [--processes N] [--folder F]`. Images and spectra
are noise around a level. The copy (h5py, one process, 256 rows at a time) and preprocess alternate; the
better of two runs of each counts. The folder needs three times the size of the larger survey. The figure is
printed last.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import yaml

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "src"))

from galaxypair import io, preprocess, quality, tables

CONFIG = yaml.safe_load((REPO / "config/config.yaml").read_text(encoding="utf-8"))
ROW_BYTES = sum(int(np.prod(shape)) * int(kind[1]) for shape, kind in tables.JOINT_DATASETS.values())


def make_joint(path: Path, size: float) -> None:
    rng = np.random.default_rng(1)
    shapes = {name: shape for name, (shape, _) in tables.JOINT_DATASETS.items()}
    noise = {n: rng.normal(1, 0.1, (256, *shapes[n])).astype("f4") for n in ("images", "spectra")}
    per_group = int(size / ROW_BYTES / len(tables.JOINT_GROUPS))
    with h5py.File(path, "w") as file:
        for number, group in enumerate(tables.JOINT_GROUPS):
            node = io.create_joint_group(file, group, per_group)
            node["redshifts"][:] = rng.uniform(0.01, 0.6, per_group)
            node["targetids"][:] = number * per_group + np.arange(per_group)
            for start in range(0, per_group, 256):
                rows = slice(start, min(start + 256, per_group))
                for name, values in noise.items():
                    node[name][rows] = values[: rows.stop - rows.start] * np.float32(1 + start / per_group)


def copy(source: Path, target: Path) -> None:
    with h5py.File(source) as file, h5py.File(target, "w") as out:
        for group in file:
            node = io.create_joint_group(out, group, len(file[group]["targetids"]))
            for name, data in file[group].items():
                for start in range(0, len(data), 256):
                    node[name][start : start + 256] = data[start : start + 256]


def cut(joint: Path, folder: Path, processes: int) -> None:
    cuts = quality.Cuts(**CONFIG["preprocess"])
    preprocess.build_dataset(joint, folder, cuts, CONFIG["split"], {}, processes=processes)


def measure(function, *arguments) -> tuple[float, float]:
    """Seconds until the data are on disk, and peak memory [MB], workers included at the largest one's."""
    start = time.monotonic()
    function(*arguments)
    os.sync()
    seconds = time.monotonic() - start
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    workers = arguments[-1] if function is cut and arguments[-1] > 1 else 0
    return seconds, (own + workers * worker) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gb", type=float, nargs=2, default=(1, 5), metavar="GB")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, help="where the surveys are written; default: the system's")
    chosen = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    lines = []
    for gb in chosen.gb:
        best, peaks = {}, []
        with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
            folder = Path(name)
            make_joint(folder / "joint.h5", gb * 1e9)
            for _ in range(2):
                for function, *arguments in (
                    (copy, folder / "joint.h5", folder / "copy.h5"),
                    (cut, folder / "joint.h5", folder / "dataset", 1),
                    (cut, folder / "joint.h5", folder / "dataset", chosen.processes),
                ):
                    for old in (*folder.glob("dataset/shard-*"), *folder.glob("dataset/.finished/*")):
                        old.unlink()
                    # a process of its own, so that peaks are its own
                    with ProcessPoolExecutor(1, mp_context=context) as pool:
                        seconds, peak = pool.submit(measure, function, *arguments).result()
                    key = function.__name__, arguments[-1] if function is cut else 1
                    best[key] = min(best.get(key, np.inf), seconds)
                    if function is cut:
                        peaks.append(peak)
        copied, one, many = best.values()
        print(
            f"{gb:g} GB: copy {gb * 1e3 / copied:.0f} MB/s, preprocess {gb * 1e3 / one:.0f} MB/s on 1 core, "
            f"{gb * 1e3 / many:.0f} MB/s on {chosen.processes}, peak {max(peaks):.0f} MB",
            flush=True,
        )
        lines.append(
            f"{gb:g} GB: {copied / many:.2f} of a copy, {one / many:.1f} x one core, {max(peaks):.0f} MB"
        )
    print(f"preprocess on {chosen.processes} cores: {'; '.join(lines)}")


if __name__ == "__main__":
    main()
