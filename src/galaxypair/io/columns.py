"""One way to read columns of galaxies, in blocks of rows, whatever kind of file holds them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.files import open_hdf5
from galaxypair.io.frames import readable
from galaxypair.io.npz import NpzFile

Block = dict[str, np.ndarray]


class ColumnFile(ABC):
    """A file with named columns of one row per galaxy, open for reading.

    Attributes
    ----------
    path : Path
    names : list of str
    rows : int
    """

    path: Path
    names: list[str]
    rows: int

    def __init__(self, path: Path) -> None:
        self.path, self._stack = path, ExitStack()

    def __enter__(self) -> "ColumnFile":
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @abstractmethod
    def blocks(self, names: Sequence[str], block_rows: int) -> Iterator[Block]:
        """Stream columns side by side; lists of numbers come as matrices."""


class _Npz(ColumnFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = self._stack.enter_context(NpzFile(path))
        self.names = self._file.names
        self.rows = self._file.header(self.names[0])[0][0] if self.names else 0

    def blocks(self, names: Sequence[str], block_rows: int) -> Iterator[Block]:
        yield from self._file.blocks(names, block_rows)


class _Hdf5(ColumnFile):
    """Datasets at the top of an HDF5 file, or the fields of an astropy table in it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        file = self._stack.enter_context(open_hdf5(path))
        table = file.get(tables.PROVABGS_GROUP)
        if isinstance(table, h5py.Dataset) and table.dtype.names:
            self._table, self.names = table, list(table.dtype.names)
        else:
            self._table = None
            self._file = {n: d for n, d in file.items() if isinstance(d, h5py.Dataset) and d.shape}
            self.names = list(self._file)
        lengths = {len(d) for d in ([table] if self._table is not None else self._file.values())}
        if len(lengths) > 1:
            raise DataError(
                f"`{path}`: its datasets differ in length ({', '.join(f'{n:,}' for n in sorted(lengths))}). "
                "One row per galaxy is expected in each: write the file again."
            )
        self.rows = max(lengths, default=0)

    def blocks(self, names: Sequence[str], block_rows: int) -> Iterator[Block]:
        for start in range(0, self.rows, block_rows):
            part = slice(start, start + block_rows)
            try:
                if self._table is not None:
                    block = self._table.fields(list(names))[part]
                    yield {name: np.ascontiguousarray(block[name]) for name in names}
                else:
                    yield {name: self._file[name][part] for name in names}
            except OSError as err:
                raise DataError(
                    f"`{self.path}`: rows {start} onwards cannot be read ({err}). "
                    "The file is incomplete or damaged: fetch or write it again."
                ) from err


class _Parquet(ColumnFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with readable(path):
            self._file = self._stack.enter_context(pq.ParquetFile(path))
        self.names, self.rows = self._file.schema_arrow.names, self._file.metadata.num_rows
        self._lengths: dict[str, int] = {}

    def blocks(self, names: Sequence[str], block_rows: int) -> Iterator[Block]:
        with readable(self.path):
            for batch in self._file.iter_batches(block_rows, columns=list(names)):
                yield {name: self._values(name, batch.column(name)) for name in names}

    def _values(self, name: str, column: pa.Array) -> np.ndarray:
        if not _is_list(column.type):
            return column.to_numpy(zero_copy_only=False)
        length, present = self._list_length(name), np.asarray(column.is_valid())
        lengths = np.asarray(column.value_lengths().drop_null())
        if (lengths != length).any():
            raise DataError(
                f"`{self.path}`: the lists in column `{name}` differ in length ({length} and "
                f"{lengths[lengths != length][0]}). Embeddings are of one length: write the file again."
            )
        flat = column.drop_null().flatten().to_numpy(zero_copy_only=False)
        if flat.dtype.kind not in "fiu":
            raise DataError(
                f"`{self.path}`: column `{name}` is {column.type}, expected lists of numbers. "
                "Write the file again with that column converted."
            )
        matrix = np.full((len(column), length), np.nan, np.result_type(flat.dtype, np.float32))
        matrix[present] = flat.reshape(-1, length)  # an absent list is NaN throughout
        return matrix

    def _list_length(self, name: str) -> int:
        """Length of the first list that is there; no list of the column may differ."""
        if name not in self._lengths:
            self._lengths[name] = 0
            for batch in self._file.iter_batches(1024, columns=[name]):
                lengths = batch.column(name).value_lengths().drop_null()
                if len(lengths):
                    self._lengths[name] = lengths[0].as_py()
                    break
        return self._lengths[name]


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


class _Csv(ColumnFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with readable(path):
            self.names = list(pd.read_csv(path, nrows=0).columns)
            with path.open("rb") as file:
                self.rows = max(sum(1 for _ in file) - 1, 0)

    def blocks(self, names: Sequence[str], block_rows: int) -> Iterator[Block]:
        with readable(self.path):
            for frame in pd.read_csv(self.path, usecols=list(names), chunksize=block_rows):
                yield {name: frame[name].to_numpy() for name in names}


_KINDS = {".npz": _Npz, ".h5": _Hdf5, ".hdf5": _Hdf5, ".parquet": _Parquet, ".csv": _Csv}


def open_columns(path: Path) -> ColumnFile:
    """Open a file of columns, by its suffix.

    Parameters
    ----------
    path : Path
        `.npz`, `.h5`, `.hdf5`, `.parquet` or `.csv`.

    Returns
    -------
    ColumnFile
        A context manager.

    Raises
    ------
    DataError
        If the file is missing, of another kind or damaged.
    """
    if path.suffix not in _KINDS:
        raise DataError(
            f"`{path}`: of a kind that is not read (known: {', '.join(_KINDS)}). Convert it to one of them."
        )
    if not path.is_file():
        raise DataError(f"`{path}`: no such file. Check the path in the config.")
    return _KINDS[path.suffix](path)
