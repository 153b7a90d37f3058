"""Compare the peak memory of simulate, preprocess and embed on a small and a ten times larger survey.

`python benchmarks/memory.py [--rows SMALL LARGE] [--folder F]`. Each stage runs in a process of its own; the
larger survey needs 10 GB of disk in the folder while it lasts. The figure is printed last.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "src"))

from galaxypair import embed, io, model, preprocess, quality
from galaxypair.mock import library, survey

CONFIG = yaml.safe_load((REPO / "config/config.yaml").read_text(encoding="utf-8"))


def simulate(folder: Path, rows: int) -> None:
    names = survey.SurveySettings.__dataclass_fields__
    settings = survey.SurveySettings(**{n: CONFIG["simulate"][n] for n in names} | {"n_galaxies": rows})
    grids = folder / "library.h5"
    library.write_library(library.average_grids(library.find_grids(None)), grids)
    files = {name: folder / f"{name}.h5" for name in ("joint", "provabgs", "truth")}
    survey.write_survey(settings, grids, **files, processes=1)


def cut(folder: Path, rows: int) -> None:
    cuts = quality.Cuts(**CONFIG["preprocess"])
    _, manifest = preprocess.build_dataset(folder / "joint.h5", folder, cuts, CONFIG["split"], {})
    io.write_text(json.dumps(manifest), folder / "manifest.json")


def embed_train(folder: Path, rows: int) -> None:
    manifest = io.read_manifest(folder / "manifest.json")
    made = model.build(CONFIG["model"])  # untrained weights take the same memory
    embed.embed_split(manifest, made, "train", folder / "train.parquet", CONFIG["embed"]["batch_size"])


def peak_mb(stage: Callable[[Path, int], None], folder: Path, rows: int) -> float:
    stage(folder, rows)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs=2, default=(2000, 20000), metavar="N")
    parser.add_argument("--folder", type=Path, help="where the surveys are written; default: the system's")
    chosen = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    peaks: dict[str, list[float]] = {}
    for rows in chosen.rows:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
            for stage in (simulate, cut, embed_train):
                with context.Pool(1) as pool:
                    peak = pool.apply(peak_mb, (stage, Path(name), rows))
                peaks.setdefault(stage.__name__, []).append(peak)
                print(f"{stage.__name__} of {rows:,} galaxies: {peak:.0f} MB", flush=True)
    few, many = chosen.rows
    each = ", ".join(f"{stage} {a:.0f} -> {b:.0f} MB" for stage, (a, b) in peaks.items())
    print(f"peak memory from {few:,} to {many:,} galaxies: {each}")


if __name__ == "__main__":
    main()
