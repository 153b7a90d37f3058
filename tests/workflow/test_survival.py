"""Calamities in the midst of a run: each is told, and the same command goes on. `pytest -m survival`."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from small_disk import remount, small_disk

REPO = Path(__file__).resolve().parents[2]
SETTINGS = {
    "run": "tiny",
    "simulate": {"n_galaxies": 60},
    "preprocess": {"shard_rows": 30},
    "model": {m: {"pretrained": False} for m in ("image", "spectrum")},  # training takes time and space
    "train": {"epochs": 1, "batch_size": 16},
    "figures": {"dpi": 50},
}
GOES_ON = "The same command goes on from what is complete."

pytestmark = pytest.mark.survival


class Project:
    """A project folder, and the command that is given in it again and again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        shutil.copytree(REPO / "config", folder / "config")
        (folder / "tiny.yaml").write_text(yaml.safe_dump(SETTINGS))
        self.folder, self.results = folder, folder / "results" / "tiny"

    def command(self, target: str) -> list[str]:
        options = ["--cores", "2", "--directory", self.folder, "--configfile", self.folder / "tiny.yaml"]
        return list(map(str, [sys.executable, "-m", "snakemake", f"results/tiny/{target}", *options]))

    def run(self, target: str) -> tuple[int, str]:
        """Status, and all that was printed."""
        done = subprocess.run(
            self.command(target), cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def start(self, target: str, job: str) -> subprocess.Popen:
        """Give the command, and wait until a job is at work."""
        log = self.folder / "logs" / "tiny" / f"{job}.log"
        log.unlink(missing_ok=True)
        process = subprocess.Popen(
            self.command(target), cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )  # fmt: skip
        end = time.monotonic() + 300
        while not log.exists():
            assert process.poll() is None and time.monotonic() < end, process.communicate()[0]
            time.sleep(0.02)
        return process

    def unfinished(self) -> list[Path]:
        return list(self.results.rglob("*.part*"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[Project]:
    """A project with a disk of its own, for what a full or read-only one does to all of it."""
    with small_disk(tmp_path / "project", 6_000):
        yield Project(tmp_path / "project")


def add_space(folder: Path, kilobytes: int) -> None:
    """Make the disk so much larger than what is on it."""
    remount(folder, f"size={shutil.disk_usage(folder).used // 1024 + kilobytes}k")


def test_full_disk_stops_every_stage_and_with_more_space_it_goes_on(on_small_disk):
    project, target = on_small_disk, "embeddings/test.parquet"
    for rule, space in (("simulate", None), ("preprocess", 24_000), ("train", 9_000)):
        if space is not None:  # that this rule runs out of, and those before it do not
            add_space(project.folder, space)
        assert_full(project, rule, target)
    add_space(project.folder, 100_000)
    for rule, last in (("embed", target), ("figure_ledger", "figures/ledger.pdf")):
        folder = (project.results / last).parent
        with small_disk(folder, 8):
            (folder / "kept").touch()  # an empty folder Snakemake would remove, but not one that is a disk
            assert_full(project, rule, last)
    status, printed = project.run(target)
    assert status == 0 and "1 of 1 steps (100%) done" in printed, printed
    remount(project.folder, "ro")
    status, printed = project.run("metrics/zeroshot.csv")
    assert status == 1 and "nothing can be written here: the file system is read-only" in printed, printed
    remount(project.folder, "rw")
    add_space(project.folder, 0)
    status, printed = project.run("metrics/zeroshot.csv")
    assert status == 1 and "the disk is full. Free some space" in printed, printed


def assert_full(project: Project, rule: str, target: str) -> None:
    """The command stops at a rule, says what to do, and leaves no half file."""
    status, printed = project.run(target)
    assert status == 1 and f"Error in {rule}: the disk is full. Free some space" in printed, printed
    assert "Traceback" not in printed
    assert project.unfinished() == []


def test_interrupted_stages_go_on_and_a_second_snakemake_is_refused(project):
    target = "embeddings/test.parquet"
    first = project.start(target, "simulate")
    status, printed = project.run(target)
    assert status == 1 and f"at work on the run `tiny`: process {first.pid} on" in printed, printed
    assert first.poll() is None
    os.killpg(first.pid, signal.SIGINT)
    printed = first.communicate()[0]
    assert first.returncode and f"Interrupted: simulate. {GOES_ON}" in printed, printed
    for job, number in (
        ("preprocess", signal.SIGTERM),
        ("train", signal.SIGINT),
        ("embed_test", signal.SIGTERM),
    ):
        process = project.start(target, job)
        os.killpg(process.pid, number)
        printed = process.communicate()[0]
        rule = job.removesuffix("_test")
        assert process.returncode and f"Interrupted: {rule}. {GOES_ON}" in printed, printed
        assert project.unfinished() == []
    process = project.start(target, "embed_test")
    process.kill()
    process.wait()
    status, printed = project.run(target)
    assert status == 0 and "Released the lock of a Snakemake that was killed: process" in printed, printed
    _clock_was_ahead(project, target)
    _folders_are_gone(project, target)


def _clock_was_ahead(project: Project, target: str) -> None:
    """All files of the run are dated hours ahead: nothing is made again, and what is made now is newer."""
    for root in (project.results, project.folder / "logs"):
        for path in root.rglob("*"):
            if path.is_file():
                date = path.stat().st_mtime_ns + 5 * 3600 * 10**9
                os.utime(path, ns=(date, date))
    status, printed = project.run(target)
    assert status == 0 and "Nothing to be done" in printed, printed
    assert re.search(r"\d+ files of the run were dated up to [45]\.\d hours in the future", printed)
    (project.results / target).unlink()
    status, printed = project.run(target)
    assert status == 0 and "1 of 1 steps (100%) done" in printed and "in the future" not in printed, printed


def _folders_are_gone(project: Project, target: str) -> None:
    """Logs and Snakemake's own notes are no results: without them the run goes on, too."""
    shutil.rmtree(project.folder / "logs")
    shutil.rmtree(project.folder / ".snakemake")
    (project.results / target).unlink()
    status, printed = project.run(target)
    assert status == 0 and "1 of 1 steps (100%) done" in printed, printed
    assert (project.folder / "logs" / "tiny" / "embed_test.log").is_file()
