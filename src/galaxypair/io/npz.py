"""Arrays of an `.npz` archive, read by rows: no member is ever loaded whole, nothing is unpickled."""

import math
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from galaxypair.errors import DataError

_SUFFIX = ".npy"
_LOCAL_HEADER_BYTES = 30  # before a member's name, extra field and data; their lengths stand at its end
_LENGTHS = struct.Struct("<HH")


class NpzFile:
    """An `.npz` archive whose members have one row per galaxy.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        If the file is missing or is no complete archive.

    Notes
    -----
    `numpy.load` reads a member as a whole, and every member of the published 12 GB file at that.
    Here members are read in blocks from their place in the archive; the format of their headers is
    numpy's (`numpy.lib.format`).
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DataError(f"`{path}`: no such file. Check the path in the config.")
        self.path = path
        with self._readable("the archive"):
            self._zip = zipfile.ZipFile(path)
        inside = (name for name in self._zip.namelist() if name.endswith(_SUFFIX))
        self.names = [name.removesuffix(_SUFFIX) for name in inside]

    def __enter__(self) -> "NpzFile":
        return self

    def __exit__(self, *exc: object) -> None:
        self._zip.close()

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        """Read shape and dtype of a member; its data stay on disk.

        Parameters
        ----------
        name : str
            Without the suffix.

        Returns
        -------
        shape : tuple of int
        dtype : numpy.dtype

        Raises
        ------
        DataError
            If the member holds Python objects, has no rows, or is shorter than its header says.
        """
        with self._readable(name), self._zip.open(name + _SUFFIX) as stream:
            return self._header(name, stream)

    def blocks(self, names: Sequence[str], block_rows: int) -> Iterator[dict[str, np.ndarray]]:
        """Stream members of equal length side by side.

        Parameters
        ----------
        names : sequence of str
        block_rows : int

        Yields
        ------
        dict of str to ndarray of shape (n, ...)

        Raises
        ------
        DataError
            If the members differ in length, or the file is damaged.
        """
        with ExitStack() as stack:
            streams = {name: self._open(stack, name) for name in names}
            headers = {name: self._header(name, stream) for name, stream in streams.items()}
            lengths = {name: shape[0] for name, (shape, _) in headers.items()}
            if len(set(lengths.values())) > 1:
                told = ", ".join(f"{name} {n:,}" for name, n in lengths.items())
                raise DataError(
                    f"`{self.path}`: its arrays differ in length ({told}). One row per galaxy is expected "
                    "in each: write the file again."
                )
            rows = next(iter(lengths.values()), 0)
            for start in range(0, rows, block_rows):
                n = min(block_rows, rows - start)
                yield {name: self._rows(name, streams[name], headers[name], n) for name in names}

    def take(self, name: str, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Read some rows of a member, one at a time.

        Parameters
        ----------
        name : str
        rows : ndarray of shape (m,), int64
            Rising.

        Yields
        ------
        ndarray
            A row.
        """
        with ExitStack() as stack:
            stream = self._open(stack, name)
            shape, dtype = self._header(name, stream)
            first, length = stream.tell(), math.prod(shape[1:]) * dtype.itemsize
            info = self._zip.getinfo(name + _SUFFIX)
            if info.compress_type == zipfile.ZIP_STORED:  # where zipfile would read all that it passes over
                stream = stack.enter_context(self.path.open("rb"))
                stream.seek(info.header_offset + _LOCAL_HEADER_BYTES - _LENGTHS.size)
                lengths = _LENGTHS.unpack(stream.read(_LENGTHS.size))
                first += info.header_offset + _LOCAL_HEADER_BYTES + sum(lengths)
            for row in rows:
                with self._readable(name):
                    stream.seek(first + int(row) * length)
                yield self._rows(name, stream, (shape, dtype), 1)[0]

    def _open(self, stack: ExitStack, name: str) -> IO[bytes]:
        with self._readable(name):
            return stack.enter_context(self._zip.open(name + _SUFFIX))

    def _header(self, name: str, stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        where = f"`{self.path}`: array `{name}`"
        with self._readable(name):
            try:
                version = np.lib.format.read_magic(stream)
                shape, fortran, dtype = readers[version](stream)
            except (ValueError, KeyError) as err:
                raise DataError(
                    f"{where} has no header of numpy's ({err}). Fetch or write it again."
                ) from err
        if dtype.hasobject:
            raise DataError(
                f"{where} holds Python objects, which would have to be unpickled: that can run any code and "
                "is never done. Save it again as plain numbers."
            )
        if not shape:
            raise DataError(f"{where} is a single value, expected one row per galaxy. Write the file again.")
        if fortran and len(shape) > 1:
            raise DataError(
                f"{where} is stored by columns (Fortran order), which cannot be read row by row. "
                "Save it again after `numpy.ascontiguousarray`."
            )
        expected = stream.tell() + math.prod(shape) * dtype.itemsize
        found = self._zip.getinfo(name + _SUFFIX).file_size
        if found != expected:
            raise DataError(
                f"{where} takes {found:,} bytes, expected {expected:,} for {shape} of {dtype}. "
                "The file is damaged: fetch or write it again."
            )
        return shape, dtype

    def _rows(self, name: str, stream: IO[bytes], header: tuple, n: int) -> np.ndarray:
        shape, dtype = header
        size = n * math.prod(shape[1:]) * dtype.itemsize
        with self._readable(name):
            data = stream.read(size)
            if len(data) < size:
                raise EOFError(f"{len(data):,} of {size:,} bytes")
        values = np.frombuffer(data, dtype).reshape(n, *shape[1:])
        return values.astype(dtype.newbyteorder("="), copy=False)

    @contextmanager
    def _readable(self, what: str) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as err:
            raise DataError(
                f"`{self.path}`: {what} cannot be read ({err}). The file is no `.npz` archive, incomplete or "
                "damaged: fetch or write it again."
            ) from err
        except KeyError as err:
            raise DataError(
                f"`{self.path}`: no array `{what}` (found {', '.join(self.names) or 'none'}). "
                "Not the layout that was expected: check `embeddings.layout`."
            ) from err
