"""One request for a file over HTTP, whose answer is appended to what is there of the file already."""

import logging
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import pycurl

from galaxypair.errors import DataError
from galaxypair.fetch.address import public
from galaxypair.fetch.http import Head, InterruptedTransferError, Patience, explain, prepare
from galaxypair.fetch.partial import Part
from galaxypair.runtime import Progress, readable_bytes

logger = logging.getLogger(__name__)

# bytes asked for again, to see that the file is still the same; with http.IN_HAND what an interruption costs
OVERLAP = 32 * 1024


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
    instead : str or None
        What else to try if the address does not give the file, one sentence.
    """

    url: str
    key: str
    bytes: int | None = None
    sha256: str | None = None
    magic: Sequence[bytes] = ()
    instead: str | None = None

    @property
    def remedy(self) -> str:
        """What to do if this address does not give the file."""
        correct = (
            f"Correct `{self.key}.url`, or fetch the file in another way and name it in `{self.key}.path`."
        )
        return f"{correct} {self.instead}" if self.instead else correct


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
        prepare(curl, wanted.url, answer.head, answer.body, patience)
        _ask_for_the_rest(curl, answer)
        curl.perform()
        answer.finish()
    except pycurl.error as err:
        raise (answer.failure or _explain(answer, err)) from None
    finally:
        answer.close()
        curl.close()


def _ask_for_the_rest(curl: pycurl.Curl, answer: "_Answer") -> None:
    if not answer.start:
        return
    curl.setopt(pycurl.RANGE, f"{answer.start}-")
    etag, date = (answer.part.told.get(name) for name in ("etag", "last_modified"))
    if validator := date if etag is None or etag.startswith("W/") else etag:  # W/: weak, not for ranges
        curl.setopt(pycurl.HTTPHEADER, [f"If-Range: {validator}"])


def _explain(answer: "_Answer", error: pycurl.error) -> Exception:
    if error.args[0] == pycurl.E_HTTP_RETURNED_ERROR and answer.head.status == 416:  # nothing at this place
        return ChangedFileError(f"it is now shorter than {answer.part.size:,} bytes")
    return explain(answer.head, error, answer.wanted.remedy)


class _Answer:
    """What comes back: headers are judged before the first byte of the body is written."""

    def __init__(self, part: Part, wanted: Wanted) -> None:
        self.part, self.wanted, self.head = part, wanted, Head(wanted.url)
        self.start = max(part.size - OVERLAP, 0)
        self.failure: BaseException | None = None  # libcurl swallows what its callbacks raise
        self._judged = False
        self._known, self._progress = b"", None

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

    def _judge(self, first: bytes) -> None:
        if self._judged:
            return
        self._judged = True
        told = {
            "url": public(self.wanted.url),
            "address": public(self.head.address),
            "etag": self.head.headers.get("etag"),
            "last_modified": self.head.headers.get("last-modified"),
            "bytes": self._total(),
        }
        self._refuse_wrong_file(told["bytes"], first)
        changed = _difference(self.part.told, told) if self.start else None
        if self.head.status == 206:
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
        if self.head.status != 206:
            length = self.head.headers.get("content-length", "")
            return int(length) if length.isdigit() else None
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", self.head.headers.get("content-range", ""))
        if not match or int(match[1]) != self.start:
            raise ChangedFileError("the server sent another range than was asked for")
        return int(match[2]) if match[2] != "*" else None

    def _refuse_wrong_file(self, total: int | None, first: bytes) -> None:
        wanted, address = self.wanted, public(self.head.address)
        is_page = first.lstrip()[:15].lower().startswith((b"<!doctype", b"<html"))
        if is_page or "text/html" in self.head.headers.get("content-type", ""):
            raise DataError(
                f"`{address}`: the server sent a web page instead of the file, as portals and logins do. "
                f"Open the address in a browser to see. {wanted.remedy}"
            )
        if wanted.bytes and total and total != wanted.bytes:
            raise DataError(
                f"`{address}`: has {total:,} bytes, `{wanted.key}.bytes` says {wanted.bytes:,}. Correct that "
                "number (or set it to null), or the address."
            )
        at_start = self.head.status != 206
        if at_start and wanted.magic and not any(m.startswith(first[: len(m)]) for m in wanted.magic):
            raise DataError(
                f"`{address}`: starts with {first[:8]!r}, so it is another kind of file. {wanted.remedy}"
            )

    def _check_space(self) -> None:
        total, size, folder = self.part.told["bytes"], self.part.size, self.part.path.parent
        if total is None:
            logger.info("`%s`: fetching %s (size unknown)", self.part.path, public(self.head.address))
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
            *(public(self.head.address), readable_bytes(free)),
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
