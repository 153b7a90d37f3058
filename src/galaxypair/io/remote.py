"""An HDF5 file on a server, opened by range requests; or on a disk, by the same interface."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import aiohttp
import fsspec
import h5py

from galaxypair.errors import DataError

READ_AHEAD = 2**16  # bytes beyond what HDF5 asks for: its headers are read in scraps of 512
CONNECT_TIMEOUT_S = 60
STALL_TIMEOUT_S = 180  # without a single byte; the whole may take as long as it takes
CONNECTION_ERRORS = (OSError, aiohttp.ClientError)  # TimeoutError is an OSError


class RemoteHDF5:
    """A file given by its address, which may change or fail between two reads.

    Parameters
    ----------
    url : str
        http, https or file address, or a path.

    Attributes
    ----------
    url : str
    bytes_read : int
        What HDF5 asked for and what was read ahead, over all times that the file was opened.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.bytes_read = 0
        options = {}
        if url.startswith(("http://", "https://")):
            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=STALL_TIMEOUT_S
            )
            # the proxy of the environment, as curl would
            options = {"client_kwargs": {"timeout": timeout, "trust_env": True}, "skip_instance_cache": True}
        self._fs, self._path = fsspec.url_to_fs(url, **options)

    def identity(self) -> dict[str, str | int]:
        """Ask for what tells one version of the file from the next.

        Returns
        -------
        dict of str to str or int
            `size` [bytes] and those of `ETag`, `Last-Modified`, `mtime` that there are.

        Raises
        ------
        DataError
            If there is no such file, or it may not be read.
        """
        with self._named_errors():
            info = self._fs.info(self._path)
        if not info.get("size"):
            raise DataError(f"`{self.url}`: the server does not tell the size of the file. {_INSTEAD}")
        return {name: info[name] for name in ("size", "ETag", "Last-Modified", "mtime") if name in info}

    @contextmanager
    def open(self) -> Iterator[h5py.File]:
        """Open the file for reading; reads fetch what they ask for and little more.

        Yields
        ------
        h5py.File
            Reads raise one of `CONNECTION_ERRORS` when the connection fails.

        Raises
        ------
        DataError
            If there is no such file, it is no HDF5 file, or the server gives it only as a whole.
        """
        with self._named_errors():
            raw = self._fs.open(self._path, block_size=READ_AHEAD, cache_type="readahead")
        if not raw.seekable():
            raise DataError(f"`{self.url}`: the server does not serve parts of files. {_INSTEAD}")
        with raw, _WholeReads(raw, self.url) as whole:
            try:
                # closed before the interpreter ends, which h5py does not survive otherwise
                with self._hdf5(whole) as file:
                    yield file
            finally:
                cache = getattr(raw, "cache", None)  # files on a disk have none
                self.bytes_read += cache.total_requested_bytes if cache is not None else whole.bytes_read

    def _hdf5(self, whole: "_WholeReads") -> h5py.File:
        magic = whole.read(8)
        if magic != b"\x89HDF\r\n\x1a\n":
            raise DataError(f"`{self.url}`: not an HDF5 file (it begins with {magic!r}). Check the address.")
        return h5py.File(whole, "r")

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, aiohttp.ClientResponseError) as err:
            # fsspec calls every failure "not found", a lost connection too
            cause = err.__cause__ or err
            status = getattr(cause, "status", None)
            if isinstance(cause, FileNotFoundError) or status in (404, 410):
                raise DataError(f"`{self.url}`: no such file. Check the address in the config.") from err
            if status is not None and 400 <= status < 500 and status not in _PASSING:
                raise DataError(
                    f"`{self.url}`: the server refuses it ({status}). Check the address in the config."
                ) from err
            raise ConnectionError(f"{type(cause).__name__}: {cause}") from cause


_PASSING = (408, 425, 429)  # the server asks for patience
_INSTEAD = "Use `source: download`, which fetches the whole file."


class _WholeReads(io.RawIOBase):
    """Read exactly what is asked for: HDF5 takes a short answer for data."""

    def __init__(self, raw: BinaryIO, url: str) -> None:
        self._raw, self._url, self.bytes_read = raw, url, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, buffer: memoryview) -> int:
        view, done = memoryview(buffer).cast("B"), 0
        while done < len(view):
            part = self._read(len(view) - done)
            if not part:
                break
            view[done : done + len(part)] = part
            done += len(part)
        self.bytes_read += done
        if done < len(view):
            raise OSError(f"`{self._url}` ended at byte {self._raw.tell()}, before the end of its data")
        return done

    def _read(self, length: int) -> bytes:
        try:
            return self._raw.read(length)
        except ValueError as err:  # of fsspec: the answer was the whole file
            raise DataError(f"`{self._url}`: the server does not serve parts of files. {_INSTEAD}") from err
