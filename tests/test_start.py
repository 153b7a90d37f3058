"""What is looked at before Snakemake executes, and what is let through."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_disk import remount, small_disk

from galaxypair import presence, start

SRC = Path(__file__).parents[1] / "src"


class Refusal(Exception):
    """As Snakemake's WorkflowError."""


def guarded(execute, *, dry: bool = False, lock: bool = True, main: bool = True):
    """Execute under guard, as Snakemake would."""
    workflow = SimpleNamespace(
        execute=execute, is_main_process=main, execution_settings=SimpleNamespace(lock=lock)
    )
    common = SimpleNamespace(dryrun_exec=dry, touch_exec=False)
    run = start.guard(workflow, "demo", lambda line: None, Refusal)
    return run(executor_plugin=SimpleNamespace(common_settings=common))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(presence.STARTED_BY, raising=False)
    yield tmp_path
    os.environ.pop(presence.STARTED_BY, None)


def known(**_) -> list[str]:
    """Files of those at work on the run."""
    return sorted(path.name.partition("-")[0] for path in (presence.FOLDER / "demo").glob("*-*"))


def test_a_run_and_a_batch_systems_job_are_known_while_they_last_a_dry_run_is_not():
    assert guarded(known) == ["snakemake"]
    assert "job" in guarded(known, main=False)
    assert guarded(known) == ["snakemake"]  # the one before has left
    for unguarded in ({"dry": True}, {"lock": False}):
        assert guarded(lambda **_: os.environ.get(presence.STARTED_BY), **unguarded) is None


def test_unwritable_and_full_disks_are_refused(here):
    with small_disk(here / "results", 4_000):
        assert guarded(lambda **_: "done") == "done"
        remount(here / "results", "ro")
        with pytest.raises(
            Refusal, match=r"results`: nothing can be written here: the file system is read-only"
        ):
            guarded(known)
        remount(here / "results", "rw")
        (here / "results" / "much").write_bytes(bytes(3_500_000))
        with pytest.raises(Refusal, match=r"results`: the disk is full\. Free some space"):
            guarded(known)


def test_disk_that_fills_while_snakemake_takes_notes_is_told():
    def fill(**_):
        raise ValueError("while noting") from OSError(errno.ENOSPC, "No space left on device")

    def fail(**_):
        raise ValueError("a bug")

    with pytest.raises(Refusal, match="the disk is full"):
        guarded(fill)
    with pytest.raises(ValueError, match="a bug"):
        guarded(fail)


def test_an_environment_with_snakemake_alone_can_start():
    code = "import sys; old = set(sys.modules); import galaxypair.start; print(*(set(sys.modules) - old))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(SRC)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert packages - {"galaxypair"} <= sys.stdlib_module_names
