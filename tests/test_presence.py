"""Who is at work on a run: the living keep others out, the dead do not."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from galaxypair import presence
from galaxypair.errors import DataError

SRC = Path(__file__).parents[1] / "src"
Start = Callable[..., subprocess.Popen]


def write_locks(folder: Path) -> None:
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "0.input.lock").write_text("src/a.py\nresults/demo/survey/joint.h5\n")
    (locks / "0.output.lock").write_text("results/demo/model/history.csv\n")


@pytest.fixture
def here(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """A working directory with Snakemake's locks of a run `demo`, as a kill leaves them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(presence.STARTED_BY, raising=False)
    write_locks(tmp_path)
    yield tmp_path
    presence.leave()
    os.environ.pop(presence.STARTED_BY, None)


@pytest.fixture
def start(here) -> Iterator[Start]:
    """Start a process that lives on after some lines of code; wait until they are done."""
    started = []

    def run(code: str, done: str = "done\n") -> subprocess.Popen:
        end = "print('done', flush=True)\ntime.sleep(60)"
        whole = f"import time\nfrom galaxypair import presence\n{code}\n{end}"
        environment = {**os.environ, "PYTHONPATH": str(SRC)}
        process = subprocess.Popen(
            [sys.executable, "-c", whole], stdout=subprocess.PIPE, text=True, cwd=here, env=environment
        )
        started.append(process)
        assert process.stdout.readline().strip() in (done.strip(), "done")
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def locks(here: Path) -> list[str]:
    return sorted(path.name for path in (here / ".snakemake" / "locks").iterdir())


def test_lock_of_a_killed_snakemake_is_released_and_said(here, start):
    dead = start("presence.enter('demo', lambda line: None)")
    write_locks(here)
    dead.kill()
    dead.wait()
    said: list[str] = []
    (here / ".snakemake" / "locks" / "1.output.lock").write_text("another/workflow.txt\n")
    presence.enter("demo", said.append)
    assert locks(here) == ["1.output.lock"]
    assert (
        len(said) == 1
        and f"Released the lock of a Snakemake that was killed: process {dead.pid} on" in said[0]
    )


def test_second_snakemake_is_refused_by_name(here, start):
    first = start("presence.enter('demo', lambda line: None)")
    with pytest.raises(
        DataError, match=rf"at work on the run `demo`: process {first.pid} on .* since 20.*: snakem"
    ):
        presence.enter("demo", print)
    first.kill()
    first.wait()
    presence.enter("demo", print)


def test_snakemake_of_another_machine_is_refused_only_while_it_gives_signs_of_life(here, start, monkeypatch):
    """As on file systems whose locks do not reach other machines."""
    monkeypatch.setattr(presence, "BEAT_S", 0.2)
    first = start("presence.BEAT_S = 0.2\npresence.enter('demo', lambda line: None)")
    write_locks(here)
    held = presence.FOLDER / "demo" / "snakemake"
    held.write_text(held.read_text().replace(f" on {socket.gethostname()}", " on another"))
    real = presence.fcntl.flock
    monkeypatch.setattr(
        presence.fcntl, "flock", lambda file, how: None if file.name == str(held) else real(file, how)
    )
    said: list[str] = []
    with pytest.raises(DataError, match=r"at work on the run `demo`: process .* on another"):
        presence.enter("demo", said.append)
    assert "signs of life" in said[0]
    first.kill()
    first.wait()
    monkeypatch.setattr(presence.fcntl, "flock", real)
    presence.enter("demo", said.append)
    assert "Released the lock" in said[-1]


def test_a_clean_end_leaves_no_name(here):
    presence.enter("demo", print)
    presence.leave()
    assert (presence.FOLDER / "demo" / "snakemake").read_text() == ""


def test_lock_stays_while_another_run_is_at_work_in_the_same_folder(here, start):
    start("presence.enter('other', lambda line: None)")
    presence.enter("demo", print)
    assert locks(here) == ["0.input.lock", "0.output.lock"]


def test_jobs_of_a_killed_snakemake_are_waited_for(here, start):
    job = start("presence.join('demo', 'train')")
    said: list[str] = []
    end = threading.Timer(1, job.kill)
    end.start()
    threading.Thread(target=job.wait).start()
    presence.enter("demo", said.append)
    assert f"Waiting for jobs of a Snakemake that was killed: process {job.pid} on" in said[0]
    assert said[0].endswith(": train") and locks(here) == []


def test_jobs_that_do_not_end_are_named(here, start, monkeypatch):
    monkeypatch.setattr(presence, "ORPHANS_S", 0.1)
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    job = start("presence.join('demo', 'train')")
    with pytest.raises(
        DataError, match=rf"process {job.pid} on .*, Slurm job 77 since .*: train\. Wait.*`scancel`"
    ):
        presence.enter("demo", print)
    assert len(locks(here)) == 2


def test_file_system_without_locks_is_left_to_snakemake(here, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(presence.fcntl, "flock", refuse)
    presence.enter("demo", print)
    presence.join("demo", "train")
    assert len(locks(here)) == 2 and presence.STARTED_BY not in os.environ


def test_locks_that_keep_nobody_out_are_left_to_snakemake(here, monkeypatch):
    monkeypatch.setattr(presence.fcntl, "flock", lambda *_: None)
    presence.enter("demo", print)
    assert len(locks(here)) == 2 and presence.STARTED_BY not in os.environ


def test_read_only_folder_is_left_to_snakemake(here, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(presence.Path, "mkdir", refuse)
    presence.enter("demo", print)
    presence.join("demo", "train")
    assert len(locks(here)) == 2


@pytest.mark.parametrize("late", [False, True], ids=["at work", "just started"])
def test_job_ends_with_the_very_snakemake_that_started_it(here, start, monkeypatch, late):
    first = start("presence.join('demo', 'snakemake', kind='snakemake')")
    (mine,) = (presence.FOLDER / "demo").glob("snakemake-*")
    monkeypatch.setenv(presence.STARTED_BY, str(mine))
    if late:
        first.kill()
        first.wait()
        presence.enter("demo", lambda line: None)  # the same command again
        monkeypatch.setenv(presence.STARTED_BY, str(mine))
    job = start("presence.end_with_starter()\npresence.join('demo', 'train')", done="" if late else "done\n")
    assert late or job.poll() is None
    first.kill()
    first.wait()
    assert job.wait(20) == -signal.SIGTERM


def test_job_that_does_not_listen_is_killed(start, monkeypatch):
    monkeypatch.setenv(presence.STARTED_BY, "gone")
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\npresence.ENDING_S = 0.5\n"
    job = start(f"{deaf}presence.end_with_starter()")
    assert job.wait(20) == -signal.SIGKILL
