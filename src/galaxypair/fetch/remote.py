"""An HDF5 file on a server, opened by range requests; or on a disk, by the same interface."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import pycurl
from fsspec.spec import AbstractBufferedFile

from galaxypair.errors import DataError
from galaxypair.fetch.address import public
from galaxypair.fetch.http import Head, InterruptedTransferError, Patience, explain, prepare
from galaxypair.io.files import check_self_contained, open_hdf5

READ_AHEAD = 2**16  # bytes beyond what HDF5 asks for: its headers are read in scraps of 512
_MAGIC = b"\x89HDF\r\n\x1a\n"


class RemoteHDF5:
    """A file given by its address, which may change or fail between two reads.

    Parameters
    ----------
    url : str
        http, https or file address, or a path.
    remedy : str
        What to do if this address does not give the file.
    patience : Patience
        For one request.

    Attributes
    ----------
    name : str
        The address without credentials, or the path: for messages and records.

    Notes
    -----
    Reads block and happen in the thread that asks for them. With a client that has a thread of its
    own, as fsspec's for HTTP, a garbage collection in that thread may wait for h5py's lock, which is
    held by the thread that waits for the bytes: for ever.
    """

    def __init__(self, url: str, remedy: str, patience: Patience) -> None:
        remote = url.startswith(("http://", "https://"))
        self.name, self._path = public(url) if remote else url, Path(url.removeprefix("file://"))
        self._curl = _Curl(url, remedy, patience) if remote else None
        self._checked = False

    @property
    def bytes_read(self) -> int:
        """Bytes that came over the network, over all times that the file was opened."""
        return self._curl.bytes_read if self._curl else 0

    def identity(self) -> dict[str, str | int]:
        """Ask for what tells one version of the file from the next.

        Returns
        -------
        dict of str to str or int
            `size` [bytes] and those of `etag`, `last_modified`, `mtime_ns` that there are.

        Raises
        ------
        DataError
            If there is no such file, it may not be read, or the server gives it only as a whole.
        InterruptedTransferError
            If the connection fails.
        """
        if self._curl:
            self._curl.get(0, 1)
            return self._curl.identity
        if not self._path.is_file():
            raise DataError(f"`{self.name}`: no such file. Check the path in the config.")
        state = self._path.stat()
        return {"size": state.st_size, "mtime_ns": state.st_mtime_ns}

    @contextmanager
    def open(self) -> Iterator[h5py.File]:
        """Open the file for reading; reads fetch what they ask for and little more.

        Yields
        ------
        h5py.File
            Reads raise InterruptedTransferError when the connection fails.

        Raises
        ------
        DataError
            If there is no such file, it is no HDF5 file, parts of it are links or lie in other files, or the
            server gives it only as a whole.
        """
        if not self._curl:
            with open_hdf5(self._path) as file:
                yield file
            return
        start = self._curl.get(0, len(_MAGIC))
        if start != _MAGIC:
            raise DataError(f"`{self.name}`: not an HDF5 file (it begins with {start!r}). Check the address.")
        # closed before the interpreter ends, which h5py does not survive otherwise
        with _Ranges(self._curl) as ranges, h5py.File(ranges, "r") as file:
            if not self._checked:
                check_self_contained(self.name, file)
                self._checked = True
            yield file


class _Ranges(AbstractBufferedFile):
    """The file as HDF5 wants it, with a cache of what was read ahead."""

    def __init__(self, curl: "_Curl") -> None:
        self._curl = curl
        size = curl.identity["size"]
        super().__init__(None, "", block_size=READ_AHEAD, cache_type="readahead", size=size)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._curl.get(start, end)


class _Curl:
    """One connection to one file; each answer is whole and of the range that was asked for, or an error."""

    def __init__(self, url: str, remedy: str, patience: Patience) -> None:
        self._url, self._remedy, self._patience = url, remedy, patience
        self._handle = pycurl.Curl()
        self.identity: dict[str, str | int] = {}
        self.bytes_read = 0
        self._head, self._body = Head(url), bytearray()

    def get(self, start: int, stop: int) -> bytes:
        self._head, self._body = Head(self._url), bytearray()
        prepare(self._handle, self._url, self._head, self._take, self._patience)
        self._handle.setopt(pycurl.RANGE, f"{start}-{stop - 1}")
        try:
            self._handle.perform()
        except pycurl.error as err:
            raise self._explain(err) from None
        finally:
            self.bytes_read += len(self._body)
        self._judge(start, stop)
        return bytes(self._body)

    def _take(self, data: bytes) -> int:
        if self._head.status != 206:
            return 0  # ends the transfer: this is not what was asked for, and may be 60 GB of it
        self._body += data
        return len(data)

    def _explain(self, error: pycurl.error) -> Exception:
        status = self._head.status
        if error.args[0] == pycurl.E_WRITE_ERROR and status != 206:
            return self._only_whole()
        if error.args[0] == pycurl.E_HTTP_RETURNED_ERROR and status == 416:  # shorter now than it was
            return InterruptedTransferError(f"HTTP status {status}")
        return explain(self._head, error, self._remedy)

    def _only_whole(self) -> DataError:
        return DataError(
            f"`{public(self._head.address)}`: the server does not serve parts of files. "
            "Use `source: download`, which fetches the whole file."
        )

    def _judge(self, start: int, stop: int) -> None:
        if self._head.status != 206:
            raise self._only_whole()
        headers = self._head.headers
        told = headers.get("content-range", "")
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", told)
        if not match or int(match[1]) != start or len(self._body) != min(stop, int(match[3])) - start:
            raise InterruptedTransferError(
                f"asked for bytes {start}-{stop - 1}, got {len(self._body)} of `{told}`"
            )
        version = {name: headers.get(name.replace("_", "-")) for name in ("etag", "last_modified")}
        self.identity = {"size": int(match[3]), **{k: v for k, v in version.items() if v}}
