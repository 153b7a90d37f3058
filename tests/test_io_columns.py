"""Columns of galaxies by blocks: archives of numpy above all, which are never loaded whole or unpickled."""

import pickle
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxypair import io
from galaxypair.errors import DataError


def joined(path, names, block_rows=3):
    with io.open_columns(path) as file:
        blocks = list(file.blocks(names, block_rows))
    return {name: np.concatenate([block[name] for block in blocks]) for name in names}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4", "f2"])
def test_blocks_of_an_archive_are_its_arrays(tmp_path, save, dtype):
    arrays = {"a": np.arange(20).astype(dtype).reshape(10, 2), "b": np.arange(10)}
    save(tmp_path / "x.npz", **arrays, c=np.zeros((10, 500)))
    read = joined(tmp_path / "x.npz", ["a", "b"])
    for name, values in read.items():
        np.testing.assert_array_equal(values, arrays[name])
        assert values.dtype == arrays[name].dtype.newbyteorder("=")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_single_rows_are_taken_by_number(tmp_path, save):
    values = np.random.default_rng(1).normal(size=(50, 3, 7))
    save(tmp_path / "x.npz", a=values)
    with io.NpzFile(tmp_path / "x.npz") as file:
        np.testing.assert_array_equal(list(file.take("a", np.array([0, 7, 8, 49]))), values[[0, 7, 8, 49]])


def test_neighbouring_members_are_not_read_into_memory(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.zeros((200, 50_000), "f4"), a=np.ones((200, 8), "f4"))  # 40 MB
    tracemalloc.start()
    joined(tmp_path / "x.npz", ["a"], 50)
    with io.NpzFile(tmp_path / "x.npz") as file:
        assert sum(len(row) for row in file.take("images", np.array([3, 150]))) == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


class Bomb:
    def __reduce__(self):
        return (print, ("unpickled",))


def test_objects_are_refused_and_not_unpickled(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", a=np.array([Bomb(), Bomb()], dtype=object), b=np.zeros(2))
    with pytest.raises(DataError, match="array `a` holds Python objects"):
        joined(tmp_path / "x.npz", ["a"])
    assert capsys.readouterr().out == ""
    pickle.loads(pickle.dumps(Bomb()))  # noqa: S301 - the bomb is live
    assert capsys.readouterr().out == "unpickled\n"


def rewrite(path, name, data):
    with zipfile.ZipFile(path) as old:
        kept = {n: old.read(n) for n in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for n, content in (kept | {name: data(kept[name])}).items():
            new.writestr(n, content)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-100]), "the archive cannot be read"),
        (lambda p: p.write_bytes(b"not a zip"), "the archive cannot be read"),
        (lambda p: rewrite(p, "a.npy", lambda d: d[:-8]), "array `a` takes .* bytes, expected"),
        (lambda p: rewrite(p, "a.npy", lambda d: b"junk" + d), "array `a` has no header of numpy's"),
        (lambda p: p.write_bytes(p.read_bytes().replace(b"\x07" * 8, b"\x08" * 8)), "a cannot be read"),
        (lambda p: p.unlink(), "no such file"),
    ],
)
def test_damaged_archives_are_told_and_where(tmp_path, spoil, message):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.full(64, 7, "u1").repeat(64), b=np.zeros(4096))
    spoil(path)
    with pytest.raises(DataError, match=rf"x.npz`: .*{message}"):
        joined(path, ["a"], 1000)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros(3)}, "no array `b`"),
        ({"a": np.zeros(3), "b": np.zeros(4)}, "differ in length \\(a 3, b 4\\)"),
        ({"a": np.zeros(3), "b": np.array(1.0)}, "`b` is a single value"),
        ({"a": np.zeros(3), "b": np.asfortranarray(np.ones((3, 4)))}, "`b` is stored by columns"),
    ],
)
def test_arrays_that_cannot_be_read_by_rows_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=message):
        joined(tmp_path / "x.npz", ["a", "b"])


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 2), pa.large_list(pa.float64())]
)
def test_lists_in_parquet_become_matrices_and_absent_ones_nan(tmp_path, kind):
    column = pa.array([None, None, None, [1, 2], None, [3, None]], kind)
    pq.write_table(pa.table({"v": column, "i": np.arange(6)}), tmp_path / "x.parquet")
    nan = np.nan
    expected = [[nan, nan], [nan, nan], [nan, nan], [1, 2], [nan, nan], [3, nan]]
    np.testing.assert_array_equal(joined(tmp_path / "x.parquet", ["v", "i"])["v"], expected)


def test_lists_of_different_lengths_are_refused(tmp_path):
    pq.write_table(pa.table({"v": [[1.0, 2], [3.0]]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="column `v` differ in length \\(2 and 1\\)"):
        joined(tmp_path / "x.parquet", ["v"])


def test_datasets_of_different_lengths_are_refused(tmp_path):
    io.write_arrays(tmp_path / "x.h5", {"a": np.zeros(3), "b": np.zeros(4)})
    with pytest.raises(DataError, match="datasets differ in length"):
        joined(tmp_path / "x.h5", ["a"])


def test_unknown_kind_of_file_is_refused(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"")
    with pytest.raises(DataError, match=r"known: .npz, .h5, .hdf5, .parquet, .csv"):
        io.open_columns(tmp_path / "x.pt")
