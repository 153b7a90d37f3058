import errno
import logging
import os
import threading
import time
from pathlib import Path

import pytest
from fetching import DATA, NAME, get, names, part_of
from http_server import Answer, FileServer

from galaxypair import errors
from galaxypair.fetch import partial
from galaxypair.fetch.transfer import OVERLAP
from galaxypair.io import locks


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "data" / NAME


def test_disk_that_fills_up_ends_in_the_usual_error_and_keeps_the_part(target, monkeypatch):
    append, full = partial.Part.append, []

    def fill(part: partial.Part, data: bytes) -> None:
        if part.size > 150_000 and not full:
            full.append(True)
            raise OSError(errno.ENOSPC, "No space left on device")
        append(part, data)

    monkeypatch.setattr(partial.Part, "append", fill)
    with FileServer({NAME: DATA}) as server:
        with pytest.raises(OSError, match="No space left") as caught:
            get(server, target)
        assert "the disk is full" in str(errors.as_users_error(caught.value))
        assert part_of(target).stat().st_size > 150_000
        get(server, target)
        assert target.read_bytes() == DATA
        assert server.served[-1][0] > 150_000 - OVERLAP


def test_two_fetches_of_one_file_are_one(target, caplog):
    caplog.set_level(logging.INFO)
    with FileServer({NAME: DATA}, [Answer(slow_after=100_000)]) as server:
        first = threading.Thread(target=get, args=(server, target))
        first.start()
        while not part_of(target).exists():  # which is opened under the lock, signed by then
            time.sleep(0.001)
        get(server, target)
        first.join()
        assert server.served == [(0, len(DATA))]
    assert f"process {os.getpid()} on " in caplog.text and "is at the same work; waiting" in caplog.text
    assert names(target) == [NAME, f"{NAME}.source.json"]


def test_file_system_without_locks_is_told(target, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with FileServer({NAME: DATA}) as server:
        get(server, target)
    assert "has no locks" in caplog.text and target.read_bytes() == DATA


def test_lock_that_its_holder_has_just_removed_is_not_held(target, monkeypatch):
    lock, locked = locks._lock, []

    def lock_too_late(path: Path, file) -> None:
        lock(path, file)
        locked.append(path)
        if len(locked) == 1:
            path.unlink()

    monkeypatch.setattr(locks, "_lock", lock_too_late)
    with partial.open_part(part_of(target)):
        assert len(locked) == 2 and locked[0].is_file()
    assert names(target) == []
