"""What a survey of another size will cost, from what finished runs took.

`python benchmarks/cost_model.py` prices 200 thousand, 10 and 76 million galaxies by the points measured
once (docs/scale_points.csv). `--runs size_1000 size_3000 size_12000` takes runs of your own instead, of three
sizes or more; `--points FILE` keeps their points there. Each stage has a law from what it computes
(_cost_laws.py); the range is what leaving out one size at a time changes, widened by the largest miss. A GPU
has never been measured: its speed is the assumption that you give. The totals are printed last.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "src")]

from benchmarks import _cost_laws as laws
from benchmarks import _cost_points as points
from galaxypair.errors import GalaxypairError

CONFIG = yaml.safe_load((REPO / "config/config.yaml").read_text(encoding="utf-8"))
POINTS = REPO / "docs" / "scale_points.csv"
SIZES = (200_000, 10_000_000, 76_000_000)
TRAINED = CONFIG["split"]["train_fraction"] * (1 - CONFIG["split"]["val_fraction"])
LONGEST_H = 24  # of a job, before a stage is said to be outgrown
ON_GPU = ("train", "embed")
FORWARD = 1 / 3  # of a training step: the backward pass takes about twice the forward pass
# AstroCLIP, second version: 25,000 steps of 1,024 pairs in 12 hours on 4 A100 (its README)
A100_PAIRS_PER_S = 150
JOINT_BYTES = 60e9 / 197_976  # published joint file, per pair


@dataclass(frozen=True)
class Machines:
    """What the user has, or assumes.

    Attributes
    ----------
    cores, machines : int
        Cores of a machine, and machines.
    memory_gb : float
        Of a machine.
    gpus : int
    gpu_pairs_per_s : float
        Of one GPU in training.
    epochs : int
    """

    cores: int
    machines: int
    memory_gb: float
    gpus: int
    gpu_pairs_per_s: float
    epochs: int

    def gpu_hours(self, n: int) -> float:
        """Hours of one GPU for training and for embedding all splits."""
        return n * (TRAINED * self.epochs + FORWARD) / self.gpu_pairs_per_s / 3600


def price(fitted: pd.DataFrame, sizes: list[int], limits: laws.Limits) -> pd.DataFrame:
    """CPU hours of each stage and peak memory of its largest job, at each size.

    Returns
    -------
    pandas.DataFrame
        n, stage, jobs, cpu_h, cpu_h_low, cpu_h_high, memory_gb, memory_gb_low, memory_gb_high.
    """
    rows = []
    for n in sizes:
        for row in fitted.itertuples():
            memory = row.memory.at(n, limits) if row.memory else (np.nan,) * 3
            cpu = (seconds / 3600 for seconds in row.cpu.at(n, limits))
            rows.append((n, row.stage, row.jobs, *cpu, *(megabytes / 1e3 for megabytes in memory)))
    names = [f"{what}{end}" for what in ("cpu_h", "memory_gb") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["n", "stage", "jobs", *names])


def outgrown(fitted: pd.DataFrame, have: Machines, limits: laws.Limits) -> dict[str, str]:
    """Tell for each stage at how many galaxies a job takes more than a day, or a machine's memory."""
    sizes = np.geomspace(1e3, 1e9, 301).astype(int)
    found = {}
    for row in fitted.itertuples():
        cores = min(laws.STAGES[row.stage].cores, have.cores)
        for n in sizes:
            hours = row.cpu.at(n, limits)[0] / 3600 / row.jobs / cores
            memory = row.memory.at(n, limits)[0] / 1e3 if row.memory else 0
            if hours > LONGEST_H or memory > have.memory_gb:
                found[row.stage] = f"{size_name(n)}: {'a day' if hours > LONGEST_H else 'memory'}"
                break
    return found


def longest_chain(at_n: pd.DataFrame, have: Machines) -> float:
    """Hours of the longest chain of stages, one job of each at a time on one machine."""
    n, own = at_n["n"].iloc[0], at_n.set_index("stage")
    done: dict[str, float] = {}
    for name, stage in laws.STAGES.items():
        hours = 0.0
        if name in ON_GPU:
            share = TRAINED * have.epochs if name == "train" else FORWARD
            hours = n * share / have.gpu_pairs_per_s / 3600 / have.gpus
        elif name in own.index and stage.counted:
            hours = own.loc[name, "cpu_h"] / own.loc[name, "jobs"] / min(stage.cores, have.cores)
        done[name] = hours + max((done[other] for other in stage.after), default=0)
    return max(done.values())


def totals(
    priced: pd.DataFrame, folders: dict[str, laws.Law], have: Machines, limits: laws.Limits, fetched: float
) -> pd.DataFrame:
    """One row per size: n, jobs, cpu_h with range, gpu_h, memory_gb, disk_tb, fetched_tb, wall_h."""
    rows = []
    for n, at_n in priced.groupby("n"):
        counted = at_n[at_n["stage"].map(lambda name: laws.STAGES[name].counted)]
        work = counted[~counted["stage"].isin(ON_GPU)]
        row = {"n": n, "jobs": counted["jobs"].sum()}
        row["cpu_h"] = work["cpu_h"].sum()
        for name in ("cpu_h_low", "cpu_h_high"):  # what was measured at two sizes counts as it is
            row[name] = work[name].fillna(work["cpu_h"]).sum() if work[name].notna().any() else np.nan
        most = counted.loc[counted["memory_gb"].idxmax()]
        row |= {"gpu_h": have.gpu_hours(n), "memory_gb": most["memory_gb"], "largest": most["stage"]}
        row["disk_tb"] = sum(law.at(n, limits)[0] for law in folders.values()) / 1e12
        row["fetched_tb"] = n * fetched / 1e12
        row["wall_h"] = max(longest_chain(at_n, have), row["cpu_h"] / have.cores / have.machines)
        rows.append(row)
    return pd.DataFrame(rows)


def short(value: float) -> str:
    """Two digits: 0.0012, 3.4, 120, 35,000."""
    if not np.isfinite(value):
        return "?"
    digits = 1 - int(np.floor(np.log10(abs(value)))) if value else 0
    rounded = round(value, digits)
    return f"{rounded:,.{max(digits, 0)}f}"


def ranged(value: float, low: float, high: float) -> str:
    return short(value) + ("" if np.isnan(low) else f" ({short(low)}–{short(high)})")


def stage_table(priced: pd.DataFrame, fitted: pd.DataFrame, ends: dict[str, str]) -> str:
    """Markdown: what each stage takes, all its jobs together, and the memory of the largest."""
    sizes = sorted(priced["n"].unique())
    head = ["stage", "jobs", "CPU time", "measured at", "miss", *(f"CPU h, {size_name(n)}" for n in sizes)]
    head += [*(f"GB, {size_name(n)}" for n in sizes), "outgrown at"]
    lines = [_row(head), "|" + "---|" * len(head)]
    at = priced.set_index(["stage", "n"])
    for row in fitted.itertuples():
        name = row.stage if laws.STAGES[row.stage].counted else f"({row.stage})"
        cells = [name, str(row.jobs), " + ".join(("1", *laws.STAGES[row.stage].terms))]
        cells += [", ".join(map(size_name, row.cpu.sizes)), f"{row.cpu.miss:.1f}"]
        cells += [ranged(*at.loc[(row.stage, n), ["cpu_h", "cpu_h_low", "cpu_h_high"]]) for n in sizes]
        mark = "*" if row.memory and "n" not in row.memory.factors else ""
        cells += [short(at.loc[(row.stage, n), "memory_gb"]) + mark for n in sizes]
        lines.append(_row([*cells, ends.get(row.stage, "")]))
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def size_name(n: int) -> str:
    """Write a number of galaxies: 3 k, 12.5 k, 10 M."""
    return f"{n / 1e6:.3g} M" if n >= 1e6 else f"{n / 1e3:.3g} k"


def total_table(total: pd.DataFrame, have: Machines) -> str:
    """Markdown: what the whole takes."""
    head = ["galaxies", "jobs", "CPU h", f"GPU h, {have.epochs} epochs", "largest job", "disk", "fetched"]
    head += [f"wall, {have.machines} × {have.cores} cores, {have.gpus} GPU"]
    lines = [_row(head), "|" + "---|" * len(head)]
    for row in total.itertuples():
        cells = [size_name(row.n), str(row.jobs), ranged(row.cpu_h, row.cpu_h_low, row.cpu_h_high)]
        cells += [short(row.gpu_h), f"{short(row.memory_gb)} GB ({row.largest})"]
        cells += [f"{short(row.disk_tb)} TB", f"{short(row.fetched_tb)} TB", f"{short(row.wall_h)} h"]
        lines.append(_row(cells))
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", nargs="+", metavar="RUN", help="finished runs, of three sizes or more")
    parser.add_argument("--project", type=Path, default=REPO, help="folder of their `logs` and `results`")
    parser.add_argument(
        "--points", type=Path, default=POINTS, help="table of points, read or (--runs) written"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument(
        "--epochs", type=int, default=100, help="of training; at most 100 in AstroCLIP's config"
    )
    parser.add_argument(
        "--gpu-pairs-per-s", type=float, default=A100_PAIRS_PER_S,
        help="of one GPU in training: an assumption, by default that of AstroCLIP's README for an A100",
    )  # fmt: skip
    parser.add_argument("--gpus", type=int, default=4)
    parser.add_argument("--cores", type=int, default=16, help="of a machine")
    parser.add_argument("--memory-gb", type=float, default=64, help="of a machine")
    parser.add_argument("--machines", type=int, default=1)
    parser.add_argument("--bytes-per-galaxy", type=float, default=JOINT_BYTES, help="that are fetched")
    parser.add_argument("--csv", type=Path, help="gets every stage at every size")
    parser.add_argument("--figure", type=Path, help="gets the laws and the points, as PNG")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    limits = laws.Limits(1 - CONFIG["split"]["train_fraction"], CONFIG["umap"]["max_galaxies"])
    if given.runs:
        table = pd.concat([points.collect(given.project, run) for run in given.runs], ignore_index=True)
        if given.points != POINTS:
            table.to_csv(given.points, index=False, float_format="%.6g")
    else:
        table = points.read_points(given.points)
    fitted, left_out = laws.fit_stages(table, limits)
    have = Machines(
        given.cores, given.machines, given.memory_gb, given.gpus, given.gpu_pairs_per_s, given.epochs
    )
    priced = price(fitted, list(given.sizes), limits)
    total = totals(priced, laws.fit_folders(table, limits), have, limits, given.bytes_per_galaxy)
    if given.csv:
        priced.to_csv(given.csv, index=False, float_format="%.4g")
    if given.figure:
        from benchmarks import _cost_figure

        _cost_figure.draw(table, fitted, limits, max(given.sizes), given.figure)
    print(stage_table(priced, fitted, outgrown(fitted, have, limits)) + "\n")
    print("CPU h of train: one epoch of the small encoders; * not seen to grow; () not in the totals.")
    if left_out:
        print(f"Left out, for want of a law or of sizes: {', '.join(left_out)}.")
    print(f"\n{total_table(total, have)}\n")
    print(
        f"An assumption, not measured: {have.gpu_pairs_per_s:g} pairs/s of one GPU in training, three times "
        "as many in embedding. Fetching is not in the wall time. Largest size measured: "
        f"{int(table['n'].max()):,}; beyond it all is extrapolated."
    )
    print("; ".join(f"{r.n:,}: {short(r.cpu_h)} CPU h, {short(r.gpu_h)} GPU h" for r in total.itertuples()))


if __name__ == "__main__":
    try:
        main()
    except GalaxypairError as err:
        sys.exit(f"Error: {err}")
