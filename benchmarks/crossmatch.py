"""Peak memory and time of the cross-match with a catalogue of the published columns and size.

`python benchmarks/crossmatch.py [--rows 250000] [--kept 200000] [--folder F]`: the catalogue,
posterior samples included, takes 12 kB of disk per row while it lasts. Stages run in processes of their own.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from galaxypair import io
from galaxypair.crossmatch import crossmatch, matched_rows

BLOCK_ROWS = 5000


def catalogue_blocks(rows: int) -> Iterator[dict[str, np.ndarray]]:
    """Columns of the published catalogue; every fifth fit has failed, samples are 0."""
    for start in range(0, rows, BLOCK_ROWS):
        n = min(BLOCK_ROWS, rows - start)
        rng = np.random.default_rng(start)
        numbers = (
            *("RA", "DEC", "ZERR", "MAG_G", "MAG_R", "MAG_Z", "MAG_W1", "FIBMAG_R", "SCHLEGEL_COLOR"),
            *("PROVABGS_Z_MAX", "PROVABGS_W_ZFAIL", "PROVABGS_W_FIBASSIGN"),
        )
        yield {
            "TARGETID": 39627000000000000 + start + np.arange(n),
            **{name: rng.uniform(0.1, 20, n) for name in numbers},
            "Z_HP": np.full(n, 0.1),
            "TSNR2_BGS": rng.random(n, np.float32),
            "HPIX_64": np.arange(n),
            "PROVABGS_MCMC": np.zeros((n, 100, 13)),
            "PROVABGS_THETA_BF": np.zeros((n, 13)),
            "PROVABGS_LOGMSTAR": np.zeros((n, 100)),
            "PROVABGS_LOGMSTAR_BF": np.where(rng.random(n) < 0.2, -999.0, 10.0),
            "IS_BGS_BRIGHT": np.ones(n, bool),
            "IS_BGS_FAINT": np.zeros(n, bool),
        }


def write(folder: Path, rows: int, kept: int) -> None:
    io.write_provabgs_blocks(folder / "provabgs.hdf5", catalogue_blocks(rows), rows)
    known = rows * 131 // 250  # so that 105,000 of 200,000 match at the published size
    ids = 39627000000000000 + rows - known + np.arange(kept)
    split = np.random.default_rng(1).choice(["train", "val", "test"], kept)
    ledger = pd.DataFrame({"targetid": ids, "split": split, "z": np.float32(0.1), "kept": True})
    io.write_table(ledger, folder / "ledger.parquet")


def join(folder: Path) -> None:
    catalogue = io.read_provabgs(folder / "provabgs.hdf5")
    properties, losses = crossmatch(io.read_table(folder / "ledger.parquet"), catalogue)
    io.write_table(properties, folder / "properties.parquet")
    io.write_table(losses, folder / "losses.csv")


def copy_posteriors(folder: Path) -> None:
    properties = io.read_table(folder / "properties.parquet", columns=["targetid", "matched"])
    rows = matched_rows(properties, io.read_provabgs(folder / "provabgs.hdf5"))
    io.write_posteriors(folder / "posteriors.h5", folder / "provabgs.hdf5", rows)


def measure(stage: Callable, *arguments: object) -> str:
    start = time.perf_counter()
    stage(*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{time.perf_counter() - start:.1f} s, {peak:.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=25_000, help="of the catalogue; published: 250,000")
    parser.add_argument("--kept", type=int, default=20_000, help="galaxies to match")
    parser.add_argument("--folder", type=Path, help="where the catalogue is written; default: the system's")
    chosen = parser.parse_args()
    context, figures = multiprocessing.get_context("spawn"), {}
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        steps = {"write": (write, folder, chosen.rows, chosen.kept), "crossmatch": (join, folder)}
        for step, task in {**steps, "posteriors": (copy_posteriors, folder)}.items():
            with context.Pool(1) as pool:
                figures[step] = pool.apply(measure, task)
        gigabytes = (folder / "provabgs.hdf5").stat().st_size / 1e9
        matched = int(io.read_table(folder / "properties.parquet", columns=["matched"])["matched"].sum())
    print(
        f"{chosen.kept:,} galaxies, catalogue of {chosen.rows:,} rows and {gigabytes:.1f} GB, "
        f"{matched:,} matches: crossmatch {figures['crossmatch']}; posteriors {figures['posteriors']}"
    )


if __name__ == "__main__":
    main()
