"""Who is at work on a run: each process locks a file of its own; one that is not locked is a dead one's.

The locks are the kernel's: they end with their process, however it ends, and reach into other containers and,
on most shared file systems, to other nodes. Elsewhere, the date of a living Snakemake's file moves on.
"""

import atexit
import fcntl
import logging
import os
import shlex
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from galaxypair import batch_system
from galaxypair.errors import DataError

logger = logging.getLogger(__name__)

SNAKEMAKE = Path(".snakemake")
FOLDER = SNAKEMAKE / "galaxypair"
STARTED_BY = "GALAXYPAIR_STARTED_BY"  # in a job's environment: the file of the Snakemake that started it
ORPHANS_S = 60  # that a new Snakemake waits for jobs of a dead one
ENDING_S = 30  # that a job whose Snakemake is gone may take to end by itself
BEAT_S = 20  # between two signs of life

_held: list[TextIO] = []  # open, and so locked, while the process lives


def enter(run: str, say: Callable[[str], None]) -> None:
    """Be the one Snakemake that works on a run; clear away what a killed one has left.

    Where the file system has no locks, nothing is done, and Snakemake's own lock is all there is.

    Parameters
    ----------
    run : str
    say : callable
        Shows a line to the user.

    Raises
    ------
    DataError
        If another Snakemake works on the run, or jobs of a killed one do not end.
    """
    only = FOLDER / run / "snakemake"
    try:
        file = _take(only)
    except OSError:
        return
    if file is None or _beats(only, say):
        if file is not None:
            file.close()
        raise DataError(
            f"Another Snakemake is at work on the run `{run}`: {_note(only) or 'one that has just started'}. "
            "Wait until it is done, or end it (Ctrl-C where it runs, or `kill` and its number), then run the "
            "same command again."
        )
    if not _is_taken(only):  # locks of this file system keep nobody out
        file.close()
        return
    batch_system.cancel_left_over(run, say)
    _wait_for_orphans(run, say)
    _release_stale_locks(only, say)
    command = shlex.join(["snakemake", *sys.argv[1:]])
    _keep(file, command)
    threading.Thread(target=_beat, args=(only, file), daemon=True).start()
    join(run, command, kind="snakemake")


def join(run: str, what: str, kind: str = "job") -> None:
    """Be known to work on a run, until the process ends; jobs that it starts end with it.

    Parameters
    ----------
    run : str
    what : str
        What the process does, for whoever waits for it.
    kind : {"job", "snakemake"}
    """
    os.environ.pop(STARTED_BY, None)
    mine = FOLDER / run / f"{kind}-{uuid.uuid4().hex}"
    try:
        file = _take(mine)
    except OSError:
        return
    if file is not None:
        _keep(file, what)
        atexit.register(mine.unlink, missing_ok=True)
        os.environ[STARTED_BY] = str(mine)


def leave() -> None:
    """Work on nothing any longer."""
    os.environ.pop(STARTED_BY, None)
    while _held:
        file = _held.pop()
        file.truncate(0)  # so that only a killed process leaves its name
        file.close()


def end_with_starter() -> None:
    """Interrupt this job when the Snakemake that started it has gone: the same command would start it again.

    Snakemake may be killed for lack of memory; its jobs would live on, and write what the next ones write.
    To be called before `join`.
    """
    starter = os.environ.get(STARTED_BY)

    def watch(parent: int) -> None:
        while os.getppid() == parent and (starter is None or _is_taken(Path(starter))):
            time.sleep(1)
        logger.warning("Snakemake has ended, so this job ends too")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ENDING_S)  # compiled code may not listen for long; files are complete or not there
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()


def _take(path: Path) -> TextIO | None:
    """Open and lock a file; None if another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:
        file.close()
        raise
    return file


def _keep(file: TextIO, what: str) -> None:
    """Say in a locked file who has it, and keep it so."""
    file.truncate(0)
    batch_job = os.environ.get("SLURM_JOB_ID")
    number = f", Slurm job {batch_job}" if batch_job else ""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    file.write(f"process {os.getpid()} on {socket.gethostname()}{number} since {since}: {what}")
    file.flush()
    _held.append(file)


def _is_taken(path: Path) -> bool:
    """Whether a living process has this file; if that cannot be known, it may."""
    try:
        with path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:  # above all, that it would have to wait
        return True
    return False


def _beat(path: Path, file: TextIO) -> None:
    """Give signs of life as long as this process has the file."""
    while file in _held:
        os.utime(path)
        time.sleep(BEAT_S)


def _beats(path: Path, say: Callable[[str], None]) -> bool:
    """Whether who was last noted is alive on another machine, where this one may not see its lock."""
    note = _note(path)
    if not note or f" on {socket.gethostname()}" in note:
        return False
    say(
        f"Looking for signs of life, for {2.5 * BEAT_S:.0f} s, of the Snakemake that was last at work: {note}"
    )
    before, ended = path.stat().st_mtime_ns, time.monotonic() + 2.5 * BEAT_S
    while time.monotonic() < ended:
        time.sleep(min(1, BEAT_S))
        with path.open() as file:  # opening asks a file server anew
            if os.fstat(file.fileno()).st_mtime_ns != before:
                return True
    return False


def _note(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:  # it has just ended
        return ""


def _wait_for_orphans(run: str, say: Callable[[str], None]) -> None:
    """Wait until the jobs that a killed Snakemake has left are done; remove what dead ones have left."""
    started, told = time.monotonic(), False
    while left := _living_jobs(run):
        if not told:
            say(f"Waiting for jobs of a Snakemake that was killed: {'; '.join(left)}")
            told = True
        if time.monotonic() - started > ORPHANS_S:
            raise DataError(
                f"Jobs of the run `{run}` are still at work; the Snakemake that started them was killed: "
                f"{'; '.join(left)}. Wait until they are done, or end them (`kill` and the process's number "
                "on its machine, or `scancel` and the Slurm job's), then run the same command again."
            )
        time.sleep(0.5)


def _living_jobs(run: str) -> list[str]:
    living = []
    for path in (FOLDER / run).glob("*-*"):
        if not _is_taken(path):
            path.unlink(missing_ok=True)
        elif path.name.startswith("job-"):
            living.append(_note(path) or "one that has just started")
    return living


def _release_stale_locks(only: Path, say: Callable[[str], None]) -> None:
    """Remove Snakemake's locks on files of the run, which nobody works on who does not hold `only`.

    They are listed before the look for others, so that none of a Snakemake that starts meanwhile is removed.
    """
    ours = f"results/{only.parent.name}/"
    locks = [path for path in (SNAKEMAKE / "locks").glob("*.lock") if ours in _note(path)]
    others = [path for path in FOLDER.glob("*/snakemake") if path != only and _is_taken(path)]
    if not locks or others:  # another run's locks name what it reads of this one
        return
    for path in locks:
        path.unlink(missing_ok=True)
    say(f"Released the lock of a Snakemake that was killed: {_note(only) or 'not known, which'}")
