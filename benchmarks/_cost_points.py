"""What finished runs took: a table of points, one row per job and per folder of results."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from galaxypair.errors import DataError

COLUMNS = ("run", "n", "kind", "name", "wall_s", "cpu_s", "memory_mb", "bytes")
KINDS = ("job", "folder")
_SUFFIX = ".benchmark.tsv"
_NEEDED = ("s", "max_rss", "cpu_time")
_QUICK_S, _EVERY_S = 15.5, 30.0  # Snakemake looks twice a second for so long, then at this interval


def collect(project: Path, run: str) -> pd.DataFrame:
    """Read benchmark files and sizes of the results of a finished run.

    Parameters
    ----------
    project : Path
        Folder that holds `logs` and `results`.
    run : str

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`. Of the job `train` wall and CPU time are those of one epoch.

    Raises
    ------
    DataError
        If there are no benchmark files, one is damaged, or the run has no ledger to count galaxies by.
    """
    logs, results = project / "logs" / run, project / "results" / run
    files = sorted(logs.glob(f"*{_SUFFIX}"))
    if not files:
        raise DataError(
            f"`{logs}`: no *{_SUFFIX}. Name a run that Snakemake has finished, and with --project the "
            "folder that holds its `logs` and `results`."
        )
    n, epochs = galaxies(results), trained_epochs(results)
    rows = []
    for path in files:
        name = path.name.removesuffix(_SUFFIX)
        found = read_benchmark(path)
        if name == "train":
            found |= {key: found[key] / epochs for key in ("wall_s", "cpu_s")}
        rows.append({"kind": "job", "name": name} | found)
    # a run of imported embeddings has neither survey nor shards
    absent = () if (results / "dataset" / "manifest.json").is_file() else ("survey", "dataset")
    for folder in sorted(path for path in results.iterdir() if path.is_dir() and path.name not in absent):
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        rows.append({"kind": "folder", "name": folder.name, "bytes": size})
    return pd.DataFrame(rows).assign(run=run, n=n).reindex(columns=list(COLUMNS))


def galaxies(results: Path) -> int:
    """Count the galaxies that a run was given, kept or not."""
    ledger = results / "dataset" / "ledger.parquet"
    if not ledger.is_file():
        raise DataError(
            f"`{ledger}`: no such file, but it tells how many galaxies the run has. Finish the run first."
        )
    return pq.read_metadata(ledger).num_rows


def trained_epochs(results: Path) -> int:
    """Count the epochs of a run's training; 1 if it has none."""
    history = results / "model" / "history.csv"
    return max(1, len(pd.read_csv(history))) if history.is_file() else 1


def read_benchmark(path: Path) -> dict[str, float]:
    """Read one benchmark file of Snakemake.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to float
        `wall_s`, `cpu_s` and `memory_mb`; the latter two are NaN where Snakemake has measured nothing.

    Raises
    ------
    DataError
        If columns or the row of figures are missing.

    Notes
    -----
    CPU time is that of Snakemake's last look at the job, up to half a minute before its end: it is
    stretched to the whole. A peak of memory between two looks is missed.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    lacking = [name for name in _NEEDED if not rows or rows[-1].get(name) is None]
    if lacking:
        raise DataError(
            f"`{path}`: no benchmark of Snakemake 9 (no {', '.join(lacking)}), or its job was cut off. "
            "Remove it and make the output of its rule again."
        )
    wall, memory, cpu = (_number(path, rows[-1][name]) for name in _NEEDED)
    return {"wall_s": wall, "cpu_s": cpu * wall / max(last_look(wall), 0.5), "memory_mb": memory}


def _number(path: Path, text: str) -> float:
    try:
        return np.nan if text in ("NA", "-") else float(text)
    except ValueError:
        raise DataError(f"`{path}`: {text!r} where a number should stand. Make its output again.") from None


def last_look(wall_s: float) -> float:
    """Give the time [s] of Snakemake's last look at a job that took `wall_s`."""
    if wall_s <= _QUICK_S:
        return wall_s
    return _QUICK_S + _EVERY_S * np.floor((wall_s - _QUICK_S) / _EVERY_S)


def read_points(path: Path) -> pd.DataFrame:
    """Read a table of points that `collect` has made."""
    if not path.is_file():
        raise DataError(f"`{path}`: no such file. Make it from finished runs: --runs A B C --points {path}.")
    points = pd.read_csv(path)
    lacking = [name for name in COLUMNS if name not in points]
    if lacking or points.empty:
        raise DataError(f"`{path}`: no table of points, it lacks {', '.join(lacking) or 'any row'}.")
    return points
