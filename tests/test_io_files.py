"""Files and folders that appear whole or not at all, whoever is killed meanwhile."""

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from galaxypair import io


def test_atomic_path_makes_the_folder_and_the_file(tmp_path):
    with io.atomic_path(tmp_path / "new" / "a.txt") as part:
        part.write_text("done")
    assert (tmp_path / "new" / "a.txt").read_text() == "done"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.txt"]


def test_atomic_path_keeps_the_suffix_that_writers_go_by(tmp_path):
    with io.atomic_path(tmp_path / "a.parquet") as part:
        assert part.suffix == ".parquet"
        assert part.parent == tmp_path
        part.touch()


def test_atomic_path_leaves_nothing_on_failure(tmp_path):
    with pytest.raises(ZeroDivisionError), io.atomic_path(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_atomic_path_removes_what_a_killed_job_has_left_and_no_other_file(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    start = f".a [1].h5.{socket.gethostname()}-"
    kept = {f"{start}{os.getppid()}.part.h5", f"{start}x.part.h5", f".a [1].h5.elsewhere-{gone.pid}.part.h5"}
    for name in {*kept, f"{start}{gone.pid}.part.h5"}:
        (tmp_path / name).touch()
    with io.atomic_path(tmp_path / "a [1].h5") as part:
        part.touch()
    assert {file.name for file in tmp_path.iterdir()} == {"a [1].h5", *kept}


def test_atomic_folder_is_made_again_after_a_job_that_outlived_its_snakemake(tmp_path):
    path, first_is_in = tmp_path / "export", threading.Event()

    def make(name: str) -> None:
        with io.atomic_folder(path) as part:
            first_is_in.set()
            (part / name).touch()
            time.sleep(0.3)
            (part / f"{name}2").touch()

    first = threading.Thread(target=make, args=("a",))
    first.start()
    first_is_in.wait()
    make("b")
    first.join()
    assert sorted(file.name for file in path.iterdir()) == ["b", "b2"]
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_path_keeps_the_old_file_on_failure(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), io.atomic_path(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert (tmp_path / "a.txt").read_text() == "old"


def test_checksum_is_that_of_the_usual_tools(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert io.sha256(tmp_path / "x") == known
