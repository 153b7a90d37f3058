"""Snakemake on this repository, from a folder of its own, as a user's project would."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the shipped configuration, where results and logs go."""
    shutil.copytree(REPO / "config", tmp_path / "config")
    return tmp_path


@pytest.fixture
def snakemake(project: Path) -> Run:
    """Run Snakemake in `project`; stdout and stderr come back as one text in `stdout`."""

    def run(*options: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "snakemake", "--directory", project, *options]
        return subprocess.run(
            list(map(str, command)),
            cwd=REPO,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    return run
