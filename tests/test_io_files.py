"""Files and folders that appear whole or not at all, whoever is killed meanwhile."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from small_disk import small_disk

from galaxypair import io

SRC = str(Path(__file__).parents[1] / "src")


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


def test_scratch_folder_is_removed_and_so_is_that_of_a_killed_job(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f".scratch.{socket.gethostname()}-{gone.pid}.part"
    left.mkdir()
    (left / "large").touch()
    with io.scratch_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder] and list(folder.iterdir()) == []
        (folder / "a").touch()
    assert list(tmp_path.iterdir()) == []


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


WRITERS = {
    "array": "io.write_arrays(path, {'a': big})",
    "compressed": "io.write_arrays(path, {'a': big}, compression='gzip')",
    "nearly all": "io.write_arrays(path, {'a': big[:76_000]}, compression='gzip')",
    "growing": """
with io.new_hdf5(path) as file:
    column = file.create_dataset("a", (0,), big.dtype, maxshape=(None,), chunks=(1024,))
    for start in range(0, len(big), 1000):
        column.resize(start + 1000, axis=0)
        column[start : start + 1000] = big[start : start + 1000]
""",
    "table": "io.write_table(pandas.DataFrame({'a': big}), path.with_suffix('.parquet'))",
    "checkpoint": """
from galaxypair.callbacks import AtomicCheckpoints
import torch
AtomicCheckpoints().save_checkpoint({"a": torch.tensor(big)}, path)
""",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_full_disk_is_told_and_left_without_a_part(tmp_path, writer):
    code = f"""
import numpy, pandas
from pathlib import Path
from galaxypair import errors, io
path, big = Path("x.h5"), numpy.random.default_rng(1).random(200_000)
try:
    {WRITERS[writer].strip().replace(chr(10), chr(10) + "    ")}
except Exception as err:
    print(errors.as_users_error(err))
"""
    with small_disk(tmp_path / "disk", 512):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path / "disk", env={**os.environ, "PYTHONPATH": SRC},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("the disk is full. Free some space")
        assert list((tmp_path / "disk").iterdir()) == []


def test_bytes_reach_the_disk_before_the_name(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_ino))
    with io.atomic_path(tmp_path / "a.txt") as part:
        part.write_text("done")
        written = part.stat().st_ino
        assert synced == []
    assert synced == [written]
    with io.atomic_folder(tmp_path / "b") as part:
        (part / "c").touch()
    assert synced[1:] == [(tmp_path / "b" / "c").stat().st_ino]
