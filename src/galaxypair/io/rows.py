"""Rows of HDF5 files, read past the library where their place in the file is known."""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from galaxypair.errors import DataError
from galaxypair.io.files import open_hdf5


class _Place(NamedTuple):
    dtype: np.dtype
    row_shape: tuple[int, ...]
    offset: int | None  # of the first row in the file; None: only the library knows


class RowFile:
    """An HDF5 file whose rows are read one run of neighbours at a time.

    Parameters
    ----------
    path : Path

    Notes
    -----
    Rows of contiguous datasets, which shards have, are read by the system straight to where they are
    wanted: a sixth of the time that h5py takes for scattered rows, and other threads go on meanwhile.
    Datasets that are chunked or compressed go through h5py.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: h5py.File | None = open_hdf5(path)
        self._places: dict[str, _Place] = {}
        self._descriptor: int | None = None  # of a file opened without the library
        self._seen: tuple[int, ...] = ()

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def file(self) -> h5py.File:
        """The file, opened by the library if it is not."""
        if self._file is None:
            self._file = open_hdf5(self._path)
        return self._file

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._file = self._descriptor = None

    def rest(self) -> None:
        """Close the file until its next read, which then opens it past the library.

        Where rows lie is remembered; of a file that has been replaced meanwhile it is found out anew.
        """
        if self._file is not None or self._descriptor is not None:
            self._seen = _identity(self._open_descriptor())
        self.close()

    def _wake(self) -> None:
        """Open a resting file, past the library if all that has been read of it lies at known places."""
        if self._file is not None or self._descriptor is not None:
            return
        if self._places and all(place.offset is not None for place in self._places.values()):
            with contextlib.suppress(OSError):  # the library says what is wrong with it
                self._descriptor = os.open(self._path, os.O_RDONLY)
                if _identity(self._descriptor) == self._seen:
                    return
        self.close()
        self._places.clear()

    def _open_descriptor(self) -> int:
        return self.file.id.get_vfd_handle() if self._descriptor is None else self._descriptor

    def empty(self, column: str, n: int) -> np.ndarray:
        """Make room for rows: float32 for what is stored as float16.

        Parameters
        ----------
        column : str
        n : int

        Returns
        -------
        ndarray of shape (n, ...)
        """
        self._wake()
        place = self._place(column)
        dtype = np.float32 if place.dtype == np.float16 else place.dtype
        return np.empty((n, *place.row_shape), dtype)

    def read_into(self, column: str, rows: np.ndarray, out: np.ndarray) -> None:
        """Read rows of a dataset to where they are wanted.

        Parameters
        ----------
        column : str
        rows : ndarray of int
            Ascending, each once.
        out : ndarray of shape (n_rows, ...)
            Contiguous, such as `empty` makes it, or a part of that.

        Raises
        ------
        DataError
            If the file ends before its rows do.
        """
        if not len(rows):
            return
        self._wake()
        place = self._place(column)
        if place.offset is None:
            out[...] = self.file[column][rows]
            return
        direct = out.dtype == place.dtype
        raw = out if direct else np.empty(out.shape, place.dtype)
        self._read_raw(place, rows, memoryview(raw.reshape(-1).view(np.uint8)))
        if not direct:
            out[...] = raw

    def _place(self, column: str) -> _Place:
        if column not in self._places:
            node = self.file[column]
            contiguous = node.id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS
            plain = contiguous and not node.dtype.hasobject
            known = plain and self.file.driver == "sec2" and self.file.userblock_size == 0
            self._places[column] = _Place(node.dtype, node.shape[1:], node.id.get_offset() if known else None)
        return self._places[column]

    def _read_raw(self, place: _Place, rows: np.ndarray, out: memoryview) -> None:
        size = place.dtype.itemsize * int(np.prod(place.row_shape))
        descriptor = self._open_descriptor()
        for start, stop in _runs(rows):
            part = out[start * size : stop * size]
            position = place.offset + int(rows[start]) * size
            while part:
                n = os.preadv(descriptor, [part], position)
                if n == 0:
                    raise DataError(
                        f"`{self._path}`: ends before its rows do; it is incomplete. Make it again: your "
                        "command with `--forcerun preprocess` added."
                    )
                part, position = part[n:], position + n


def _identity(descriptor: int) -> tuple[int, ...]:
    """Tell what differs if a file has been replaced."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _runs(rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """First position and end of each run of neighbouring rows."""
    bounds = np.flatnonzero(np.diff(rows) != 1) + 1
    ends = [0, *bounds.tolist(), len(rows)]
    return itertools.pairwise(ends)


def read_rows(file: RowFile, columns: Sequence[str], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Read rows of an open shard; images and spectra as float32, whatever they are stored as.

    Parameters
    ----------
    file : RowFile
    columns : sequence of str
    rows : ndarray of int
        Ascending, each once.

    Returns
    -------
    dict of str to ndarray
    """
    out = {column: file.empty(column, len(rows)) for column in columns}
    for column, values in out.items():
        file.read_into(column, rows, values)
    return out
