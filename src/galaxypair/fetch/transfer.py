"""One request for a file over HTTP, whose answer is appended to what is there of the file already."""

import logging
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

import pycurl

from galaxypair import __version__
from galaxypair.errors import DataError
from galaxypair.fetch.partial import Part
from galaxypair.runtime import Progress, readable_bytes

logger = logging.getLogger(__name__)

OVERLAP = 32 * 1024  # bytes asked for again, to see that the file is still the same
IN_HAND = 32 * 1024  # received at most before it is written; both together are what an interruption costs
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}  # HTTP status
_HOPELESS = {  # errors of libcurl that the next try would meet as well
    pycurl.E_UNSUPPORTED_PROTOCOL,
    pycurl.E_URL_MALFORMAT,
    pycurl.E_TOO_MANY_REDIRECTS,
    pycurl.E_SSL_CACERT,
    pycurl.E_SSL_CACERT_BADFILE,
}


class InterruptedTransferError(Exception):
    """The connection ended early: the next try goes on where this one ended.

    Attributes
    ----------
    wait_s : float
        How long the server asked to wait [s]; 0 if it did not.
    """

    def __init__(self, reason: str, wait_s: float = 0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class ChangedFileError(Exception):
    """What the server has is not what the part is a part of."""


@dataclass(frozen=True)
class Wanted:
    """What is known of a file before it is there.

    Attributes
    ----------
    url : str
    key : str
        Of the file's section in the config, for messages.
    bytes : int or None
        Exact size.
    sha256 : str or None
        Hexadecimal checksum, or its first digits.
    magic : sequence of bytes
        How the file may start; empty for any start.
    """

    url: str
    key: str
    bytes: int | None = None
    sha256: str | None = None
    magic: Sequence[bytes] = ()

    @property
    def remedy(self) -> str:
        """What to do if this address does not give the file."""
        return f"Correct `{self.key}.url`, or fetch the file in another way and name it in `{self.key}.path`."


@dataclass(frozen=True)
class Patience:
    """When a connection counts as dead, and how often to try again.

    Attributes
    ----------
    connect_s, stall_s : float
        Seconds without a connection, and with less than `stall_bytes_per_s`, after which to give it up.
    stall_bytes_per_s : int
    tries : int
        In a row, without a byte more than before.
    first_wait_s, longest_wait_s : float
        Before the second try, doubled for each further one up to the longest.
    """

    connect_s: float = 30
    stall_s: float = 60
    stall_bytes_per_s: int = 1000
    tries: int = 8
    first_wait_s: float = 1
    longest_wait_s: float = 120


def public(url: str) -> str:
    """Address without user name, password and query, which may hold a signature: for logs and records.

    Parameters
    ----------
    url : str

    Returns
    -------
    str
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def request(part: Part, wanted: Wanted, patience: Patience) -> None:
    """Ask for the rest of a file and append it.

    Parameters
    ----------
    part : Part
        Complete, if no error is raised.
    wanted : Wanted
    patience : Patience

    Raises
    ------
    InterruptedTransferError
        If a further try may bring more.
    ChangedFileError
        If the part has to be thrown away first.
    DataError
        If no further try can help.
    """
    answer = _Answer(part, wanted)
    curl = pycurl.Curl()
    try:
        _set_options(curl, answer, patience)
        curl.perform()
        answer.finish()
    except pycurl.error as err:
        if answer.failure:
            raise answer.failure from None
        if err.args[0] == pycurl.E_WRITE_ERROR:  # Ctrl-C at the door of a callback
            raise
        _explain(curl, answer, *err.args)
    finally:
        answer.close()
        curl.close()


def _set_options(curl: pycurl.Curl, answer: "_Answer", patience: Patience) -> None:
    url = answer.wanted.url
    secure = urlsplit(url).scheme == "https"
    for option, value in {
        pycurl.URL: url,
        pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
        pycurl.REDIR_PROTOCOLS: pycurl.PROTO_HTTPS | (0 if secure else pycurl.PROTO_HTTP),
        pycurl.FOLLOWLOCATION: 1,
        pycurl.MAXREDIRS: 10,
        pycurl.FAILONERROR: 1,  # the page of an error is no part of the file
        pycurl.CONNECTTIMEOUT_MS: int(1000 * patience.connect_s),
        pycurl.LOW_SPEED_TIME: max(1, round(patience.stall_s)),
        pycurl.LOW_SPEED_LIMIT: patience.stall_bytes_per_s,
        pycurl.TCP_KEEPALIVE: 1,
        pycurl.NOSIGNAL: 1,
        pycurl.BUFFERSIZE: IN_HAND,
        pycurl.USERAGENT: f"galaxypair/{__version__}",
        pycurl.HEADERFUNCTION: answer.header,
        pycurl.WRITEFUNCTION: answer.body,
    }.items():
        curl.setopt(option, value)
    if bundle := os.environ.get("CURL_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE"):
        curl.setopt(pycurl.CAINFO, bundle)  # as the program curl does, for institutes with their own root
    if answer.start:
        curl.setopt(pycurl.RANGE, f"{answer.start}-")
        etag, date = (answer.part.told.get(name) for name in ("etag", "last_modified"))
        if validator := date if etag is None or etag.startswith("W/") else etag:  # W/: weak, not for ranges
            curl.setopt(pycurl.HTTPHEADER, [f"If-Range: {validator}"])


def _explain(curl: pycurl.Curl, answer: "_Answer", code: int, text: str) -> None:
    """Raise what an error of libcurl means for the file."""
    wanted, status = answer.wanted, curl.getinfo(pycurl.RESPONSE_CODE)
    address = public(answer.address)
    if code == pycurl.E_HTTP_RETURNED_ERROR:
        if status == 416:  # nothing at this place
            raise ChangedFileError(f"it is now shorter than {answer.part.size:,} bytes")
        if status in _TRY_AGAIN:
            after = answer.headers.get("retry-after", "")
            raise InterruptedTransferError(f"HTTP status {status}", float(after) if after.isdigit() else 0)
        means = {401: "wants a login", 403: "refuses it", 404: "has no such file", 410: "has it no longer"}
        meaning = means.get(status, "does not give it")
        raise DataError(f"`{address}`: the server {meaning} (HTTP status {status}). {wanted.remedy}")
    if code in _HOPELESS:
        raise DataError(f"`{address}`: {text or 'cannot be fetched'} (curl error {code}). {wanted.remedy}")
    if code == pycurl.E_OPERATION_TIMEDOUT:
        raise InterruptedTransferError("nothing more came")
    raise InterruptedTransferError(f"{text or 'the connection ended'} (curl error {code})")


class _Answer:
    """What comes back: headers are judged before the first byte of the body is written."""

    def __init__(self, part: Part, wanted: Wanted) -> None:
        self.part, self.wanted, self.address = part, wanted, wanted.url
        self.start = max(part.size - OVERLAP, 0)
        self.headers: dict[str, str] = {}
        self.failure: BaseException | None = None  # libcurl swallows what its callbacks raise
        self._status, self._judged = 0, False
        self._known, self._progress = b"", None

    def header(self, line: bytes) -> None:
        text = line.decode("latin-1").strip()
        if text.startswith("HTTP/"):  # of each answer on the way: redirects have their own
            self._status, self.headers = int(text.split()[1]), {}
        elif ":" in text:
            name, _, value = text.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        elif not text and 300 <= self._status < 400 and "location" in self.headers:
            self.address = urljoin(self.address, self.headers["location"])

    def body(self, data: bytes) -> int:
        try:
            self._take(data)
        except BaseException as err:
            self.failure = err
            return -1
        return len(data)

    def _take(self, data: bytes) -> None:
        self._judge(data[:512])
        if self._known:
            same = min(len(data), len(self._known))
            if data[:same] != self._known[:same]:
                raise ChangedFileError("its bytes differ from those fetched before")
            self._known, data = self._known[same:], data[same:]
        if data:
            self.part.append(data)
            if self._progress:
                self._progress.update(len(data))

    def finish(self) -> None:
        """Compare what came with what was promised, by the server or else by the config."""
        self._judge(b"")
        size = self.part.size
        if size < (self.part.told["bytes"] or self.wanted.bytes or 0):
            raise InterruptedTransferError("the server ended early")
        self.part.note(bytes=size)

    def close(self) -> None:
        if self._progress:
            self._progress.close()

    def _judge(self, head: bytes) -> None:
        if self._judged:
            return
        self._judged = True
        told = {
            "url": public(self.wanted.url),
            "address": public(self.address),
            "etag": self.headers.get("etag"),
            "last_modified": self.headers.get("last-modified"),
            "bytes": self._total(),
        }
        self._refuse_wrong_file(told["bytes"], head)
        changed = _difference(self.part.told, told) if self.start else None
        if self._status == 206:
            if changed:
                raise ChangedFileError(changed)
            self._known = self.part.tail(OVERLAP)
            self.part.note(**{name: value for name, value in told.items() if value is not None})
        else:
            if self.start:
                reason = changed or "the server sends whole files only"
                logger.warning("`%s`: starting anew, %s", self.part.path, reason)
            self.part.clear()
            self.part.note(**told)
        self._check_space()

    def _total(self) -> int | None:
        """Size of the whole file as the server says."""
        if self._status != 206:
            length = self.headers.get("content-length", "")
            return int(length) if length.isdigit() else None
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", self.headers.get("content-range", ""))
        if not match or int(match[1]) != self.start:
            raise ChangedFileError("the server sent another range than was asked for")
        return int(match[2]) if match[2] != "*" else None

    def _refuse_wrong_file(self, total: int | None, head: bytes) -> None:
        wanted, address = self.wanted, public(self.address)
        start = head.lstrip()[:15].lower()
        if "text/html" in self.headers.get("content-type", "") or start.startswith((b"<!doctype", b"<html")):
            raise DataError(
                f"`{address}`: the server sent a web page instead of the file, as portals and logins do. "
                f"Open the address in a browser to see. {wanted.remedy}"
            )
        if wanted.bytes and total and total != wanted.bytes:
            raise DataError(
                f"`{address}`: has {total:,} bytes, `{wanted.key}.bytes` says {wanted.bytes:,}. Correct that "
                "number (or set it to null), or the address."
            )
        at_start = self._status != 206
        if at_start and wanted.magic and not any(m.startswith(head[: len(m)]) for m in wanted.magic):
            raise DataError(
                f"`{address}`: starts with {head[:8]!r}, so it is another kind of file. {wanted.remedy}"
            )

    def _check_space(self) -> None:
        total, size, folder = self.part.told["bytes"], self.part.size, self.part.path.parent
        if total is None:
            logger.info("`%s`: fetching %s (size unknown)", self.part.path, public(self.address))
            return
        free = shutil.disk_usage(folder).free
        if free < total - size:
            raise DataError(
                f"`{folder}`: {readable_bytes(total - size)} are still to come, {readable_bytes(free)} are "
                "free. Free some space, or name a folder on a larger disk in `download.folder`; then run the "
                "same command again."
            )
        logger.info(
            "`%s`: fetching %s of %s from %s (%s free on this disk)",
            *(self.part.path, readable_bytes(total - size), readable_bytes(total)),
            *(public(self.address), readable_bytes(free)),
        )
        self._progress = Progress(total, "bytes", done=size)


def _difference(before: dict, now: dict) -> str | None:
    """Say in words how a file differs from what was said about it before; None if it does not."""
    known = None not in (before.get("etag"), now["etag"])
    version = ("etag", "ETag") if known else ("last_modified", "date")  # mirrors may differ in the date alone
    for name, word in (version, ("bytes", "size")):
        if None not in (before.get(name), now[name]) and before[name] != now[name]:
            return f"its {word} on the server has changed"
    return None
