"""Locks between processes, which end with them, however they end."""

import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

logger = logging.getLogger(__name__)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock while the block lasts; wait for another process that has it.

    A job may outlive its Snakemake, which is killed for lack of memory or with its terminal; the same
    command then starts the job again beside it.

    Parameters
    ----------
    path : Path
        A file for the lock alone, made with its folder and removed at the end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a+", encoding="utf-8") as file:
            _lock(path, file)
            if not _is_still(path, file):  # the one before was done with it, and has removed it
                continue
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _lock(path: Path, file: TextIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        logger.info("`%s`: %s is at the same work; waiting", path, file.read() or "another process")
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as err:  # some cluster file systems
        logger.warning("`%s`: this file system has no locks (%s): run one job at a time on it", path, err)


def _is_still(path: Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
