import threading
import time

import h5py
import numpy as np
import pytest

from galaxypair import io
from galaxypair.errors import DataError
from galaxypair.io import rows as core

ROWS = np.array([0, 2, 3, 4, 9, 11])


def make_file(path, **options):
    values = np.random.default_rng(1).normal(size=(12, 5, 4)).astype(options.pop("dtype", "f4"))
    with h5py.File(path, "w", userblock_size=options.pop("userblock_size", 0)) as file:
        file.create_dataset("x", data=values, **options)
    return values


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dtype": "f2"},
        {"dtype": ">i8"},
        {"dtype": bool},
        {"userblock_size": 512},
        {"chunks": (3, 5, 4)},
        {"compression": "gzip"},
    ],
    ids=str,
)
def test_rows_are_those_that_h5py_reads(tmp_path, options):
    values = make_file(tmp_path / "a.h5", **options)
    with core.RowFile(tmp_path / "a.h5") as file:
        read = core.read_rows(file, ["x"], ROWS)["x"]
        direct = file._place("x").offset is not None
    np.testing.assert_array_equal(read, values[ROWS])
    assert read.dtype == ("f4" if options.get("dtype") == "f2" else values.dtype)
    assert direct == (not options or "dtype" in options)


def test_one_run_of_rows_is_one_read(tmp_path, monkeypatch):
    make_file(tmp_path / "a.h5")
    reads, real = [], core.os.preadv

    def preadv(descriptor, parts, position):
        reads.append(len(parts[0]))
        return real(descriptor, parts, position)

    monkeypatch.setattr(core.os, "preadv", preadv)
    with core.RowFile(tmp_path / "a.h5") as file:
        core.read_rows(file, ["x"], ROWS)
    assert reads == [80, 240, 80, 80]


def test_reads_that_come_in_pieces_are_put_together(tmp_path, monkeypatch):
    values, real = make_file(tmp_path / "a.h5"), core.os.preadv
    monkeypatch.setattr(core.os, "preadv", lambda d, parts, position: real(d, [parts[0][:7]], position))
    with core.RowFile(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(core.read_rows(file, ["x"], ROWS)["x"], values[ROWS])


def test_file_that_shrinks_meanwhile_is_an_error(tmp_path):
    make_file(tmp_path / "a.h5")
    with core.RowFile(tmp_path / "a.h5") as file:
        size = (tmp_path / "a.h5").stat().st_size
        file.read_into("x", ROWS, file.empty("x", len(ROWS)))
        with (tmp_path / "a.h5").open("r+b") as raw:
            raw.truncate(size - 100)
        with pytest.raises(DataError, match=r"a.h5`: ends before its rows do.*--forcerun preprocess"):
            core.read_rows(file, ["x"], ROWS)


@pytest.mark.parametrize("options", [{}, {"chunks": (3, 5, 4)}], ids=str)
def test_resting_file_is_read_again_past_the_library_if_its_rows_are_known(tmp_path, monkeypatch, options):
    values = make_file(tmp_path / "a.h5", **options)
    opened, real = [], core.open_hdf5
    monkeypatch.setattr(core, "open_hdf5", lambda path: opened.append(path) or real(path))
    with core.RowFile(tmp_path / "a.h5") as file:
        for _ in range(3):
            np.testing.assert_array_equal(core.read_rows(file, ["x"], ROWS)["x"], values[ROWS])
            file.rest()
            assert file._file is file._descriptor is None
    assert len(opened) == (3 if options else 1)


def test_file_that_was_replaced_while_it_rested_is_read_anew(tmp_path):
    make_file(tmp_path / "a.h5")
    with core.RowFile(tmp_path / "a.h5") as file:
        core.read_rows(file, ["x"], ROWS)
        file.rest()
        values = make_file(tmp_path / "b.h5", userblock_size=1024) + 1
        with h5py.File(tmp_path / "b.h5", "r+") as other:
            other["x"][...] = values
        (tmp_path / "b.h5").replace(tmp_path / "a.h5")
        np.testing.assert_array_equal(core.read_rows(file, ["x"], ROWS)["x"], values[ROWS])
        file.rest()
        (tmp_path / "a.h5").unlink()
        with pytest.raises(DataError, match=r"a\.h5"):
            core.read_rows(file, ["x"], ROWS)


def test_no_rows_are_no_read(tmp_path):
    make_file(tmp_path / "a.h5")
    with core.RowFile(tmp_path / "a.h5") as file:
        assert core.read_rows(file, ["x"], np.array([], int))["x"].shape == (0, 5, 4)


def test_prefetch_keeps_the_order_and_stays_two_ahead():
    made = []

    def items():
        for i in range(6):
            made.append(i)
            yield i

    ahead = []
    for i in io.prefetch(items()):
        time.sleep(0.02)
        ahead.append(len(made) - i - 1)
    assert made == list(range(6))
    assert max(ahead) == 2


def test_prefetch_works_while_its_user_does():
    asked = threading.Event()

    def items():
        yield 1
        asked.set()
        yield 2

    source = io.prefetch(items())
    assert next(source) == 1
    assert asked.wait(5)  # before the second one is asked for
    assert list(source) == [2]


def test_error_of_the_reader_is_raised_where_the_batch_is_used():
    def items():
        yield 1
        raise DataError("the file is gone")

    source = io.prefetch(items())
    assert next(source) == 1
    with pytest.raises(DataError, match="the file is gone"):
        next(source)


def test_prefetch_that_is_left_early_leaves_no_thread():
    before = threading.active_count()
    source = io.prefetch(iter(range(100)))
    next(source)
    source.close()
    assert threading.active_count() == before
