"""An HDF5 file on a server, opened by range requests; or on a disk, by the same interface."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import pycurl
from fsspec.spec import AbstractBufferedFile

from galaxypair import __version__
from galaxypair.errors import DataError
from galaxypair.io.files import open_hdf5

READ_AHEAD = 2**16  # bytes beyond what HDF5 asks for: its headers are read in scraps of 512
CONNECT_TIMEOUT_S = 60
STALL_TIMEOUT_S = 180  # without any byte; the whole may take as long as it takes
_MAGIC = b"\x89HDF\r\n\x1a\n"
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}  # HTTP status
_INSTEAD = "Use `source: download`, which fetches the whole file."


class RemoteHDF5:
    """A file given by its address, which may change or fail between two reads.

    Parameters
    ----------
    url : str
        http, https or file address, or a path.

    Attributes
    ----------
    url : str

    Notes
    -----
    Reads block and happen in the thread that asks for them. With a client that has a thread of its
    own, as fsspec's for HTTP, a garbage collection in that thread may wait for h5py's lock, which is
    held by the thread that waits for the bytes: for ever.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._curl = _Curl(url) if url.startswith(("http://", "https://")) else None
        self._path = Path(url.removeprefix("file://"))

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
        ConnectionError
            If the connection fails.
        """
        if self._curl:
            self._curl.get(0, 1)
            return self._curl.identity
        if not self._path.is_file():
            raise DataError(f"`{self.url}`: no such file. Check the path in the config.")
        state = self._path.stat()
        return {"size": state.st_size, "mtime_ns": state.st_mtime_ns}

    @contextmanager
    def open(self) -> Iterator[h5py.File]:
        """Open the file for reading; reads fetch what they ask for and little more.

        Yields
        ------
        h5py.File
            Reads raise ConnectionError when the connection fails.

        Raises
        ------
        DataError
            If there is no such file, it is no HDF5 file, or the server gives it only as a whole.
        """
        if not self._curl:
            with open_hdf5(self._path) as file:
                yield file
            return
        head = self._curl.get(0, len(_MAGIC))
        if head != _MAGIC:
            raise DataError(f"`{self.url}`: not an HDF5 file (it begins with {head!r}). Check the address.")
        # closed before the interpreter ends, which h5py does not survive otherwise
        with _Ranges(self._curl) as ranges, h5py.File(ranges, "r") as file:
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

    def __init__(self, url: str) -> None:
        self._url, self._handle = url, pycurl.Curl()
        self.identity: dict[str, str | int] = {}
        self.bytes_read = 0
        self._status, self._headers, self._body = 0, {}, bytearray()

    def get(self, start: int, stop: int) -> bytes:
        self._status, self._headers, self._body = 0, {}, bytearray()
        self._set_options(start, stop)
        try:
            self._handle.perform()
        except pycurl.error as err:
            if not self._refused():
                raise ConnectionError(
                    f"{err.args[1] or 'the connection ended'} (curl error {err.args[0]})"
                ) from err
        finally:
            self.bytes_read += len(self._body)
        self._judge(start, stop)
        return bytes(self._body)

    def _set_options(self, start: int, stop: int) -> None:
        for option, value in {
            pycurl.URL: self._url,
            pycurl.RANGE: f"{start}-{stop - 1}",
            pycurl.FOLLOWLOCATION: 1,
            pycurl.CONNECTTIMEOUT: CONNECT_TIMEOUT_S,
            pycurl.LOW_SPEED_LIMIT: 1,
            pycurl.LOW_SPEED_TIME: STALL_TIMEOUT_S,
            pycurl.TCP_KEEPALIVE: 1,
            pycurl.NOSIGNAL: 1,
            pycurl.USERAGENT: f"galaxypair/{__version__}",
            pycurl.HEADERFUNCTION: self._take_header,
            pycurl.WRITEFUNCTION: self._take_body,
        }.items():
            self._handle.setopt(option, value)
        if bundle := os.environ.get("CURL_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE"):
            self._handle.setopt(pycurl.CAINFO, bundle)  # as the program curl does

    def _take_header(self, line: bytes) -> None:
        text = line.decode("latin-1").strip()
        if text.startswith("HTTP/"):  # of each answer on the way: redirects have their own
            self._status, self._headers = int(text.split()[1]), {}
        elif ":" in text:
            name, _, value = text.partition(":")
            self._headers[name.strip().lower()] = value.strip()

    def _take_body(self, data: bytes) -> int:
        if self._refused():
            return 0  # ends the transfer: this is not what was asked for, and may be 60 GB of it
        self._body += data
        return len(data)

    def _refused(self) -> bool:
        return self._status not in (0, 206) and not 300 <= self._status < 400

    def _judge(self, start: int, stop: int) -> None:
        if self._status in (404, 410):
            raise DataError(f"`{self._url}`: no such file. Check the address in the config.")
        if self._status == 200:
            raise DataError(f"`{self._url}`: the server does not serve parts of files. {_INSTEAD}")
        if self._status in _TRY_AGAIN or self._status == 416:  # 416: shorter now than it was
            raise ConnectionError(f"HTTP status {self._status}")
        if self._status != 206:
            raise DataError(
                f"`{self._url}`: the server refuses it (HTTP status {self._status}). "
                "Check the address in the config."
            )
        told = self._headers.get("content-range", "")
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", told)
        if not match or int(match[1]) != start or len(self._body) != min(stop, int(match[3])) - start:
            raise ConnectionError(f"asked for bytes {start}-{stop - 1}, got {len(self._body)} of `{told}`")
        version = {name: self._headers.get(name.replace("_", "-")) for name in ("etag", "last_modified")}
        self.identity = {"size": int(match[3]), **{k: v for k, v in version.items() if v}}
