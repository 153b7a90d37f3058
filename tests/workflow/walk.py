"""What tests of the whole workflow on a tiny survey share: settings, and Snakemake in a project's folder."""

import os
import subprocess
import sys
from pathlib import Path

import conda_standin
import pytest

REPO = Path(__file__).resolve().parents[2]
SETTINGS = {
    "run": "tiny",
    "simulate": {"n_galaxies": 300},
    "preprocess": {"shard_rows": 100},
    "train": {"epochs": 1, "batch_size": 64},
    "zeroshot": {"bootstrap": 20},
    "retrieval": {"bootstrap": 20, "recall_at": [1, 10]},
    "umap": {"n_neighbors": 5},
    "cluster": {"kmeans_k": [2, 3], "dbscan_min_samples": 3},
    "gallery": {"examples": 3, "mosaic_cells": 4},
    "figures": {"dpi": 50},
}
WITH_CONDA = "with-conda"  # file that marks a project whose jobs run in environments of their own


def command(project: Path, *options: object, settings: str = "tiny.yaml") -> list[str]:
    """Words of a command that runs Snakemake in a project."""
    words = [sys.executable, "-m", "snakemake", "--directory", project]
    words += [*options, "--configfile", project / settings]
    if "--profile" not in options:
        words += ["--cores", "2"]
    if (project / WITH_CONDA).exists():
        words += ["--use-conda"]
    return list(map(str, words))


def environment(project: Path) -> dict[str, str]:
    """Environment of that command."""
    found = dict(os.environ)
    if (project / WITH_CONDA).exists():
        found["PATH"] = conda_standin.search_path()
    return found


def snakemake(project: Path, *options: object, settings: str = "tiny.yaml") -> str:
    """Run Snakemake in a project to its end; fail with all that it printed."""
    done = subprocess.run(
        command(project, *options, settings=settings), cwd=REPO, env=environment(project),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        logs = (project / ".snakemake" / "slurm_logs").rglob("*.log")
        pytest.fail(done.stdout + "".join(path.read_text(errors="replace") for path in logs))
    return done.stdout
