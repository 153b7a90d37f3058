"""A web server on 127.0.0.1 for tests: ranges, and every fault that a real one may have."""

import mmap
import os
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BLOCK, SLOW_BLOCK = 64 * 1024, 4 * 1024


@dataclass
class Answer:
    """How one request is answered; the defaults are those of a good server."""

    status: int | None = None  # instead of 200 or 206
    body: bytes | None = None  # instead of the file
    headers: dict[str, str | None] = field(default_factory=dict)  # added, replaced or (None) left out
    ranges: bool = True  # False: the whole file is sent, whatever was asked for
    short: bool = False  # half of what was asked for, and said so
    cut_after: float | None = None  # bytes of the body, or below 1 a share of it, then the connection ends
    stall_after: float | None = None  # likewise, then nothing more comes
    slow_after: int | None = None  # bytes of the body, then 4 KiB at a time
    slow_s: float = 0.002  # pause after each of these 4 KiB


class FileServer(ThreadingHTTPServer):
    """Serves files by name while it is open: `with FileServer({"a.h5": data}) as server: server.url("a.h5")`.

    Files are bytes, or paths, which are not held in memory. `answers` are used up in their order, one per
    request, from when `answers_after` bytes are out, then all is well; `requests` holds the headers of each
    request and `served` the first byte and the end of what was sent of the body.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        files: dict[str, bytes | Path],
        answers: Iterable[Answer] = (),
        etag: str | None = '"1"',
        answers_after: int = 0,
    ):
        super().__init__(("127.0.0.1", 0), _Handler)
        os.environ["no_proxy"] = "127.0.0.1"  # for clients here and in processes started from here
        self.files, self.answers, self.etag = files, list(answers), etag
        self.answers_after, self.sending = answers_after, threading.Lock()
        self.modified = 1_700_000_000
        self.requests: list[dict[str, str]] = []
        self._served: list[tuple[int, int]] = []

    def __enter__(self) -> "FileServer":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    @property
    def served(self) -> list[tuple[int, int]]:
        with self.sending:  # a client may have the last byte before it is noted here
            return self._served

    @property
    def bytes_served(self) -> int:
        return sum(stop - start for start, stop in self.served)

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if self.answers and self.bytes_served >= self.answers_after else Answer()

    def content(self, name: str) -> bytes | mmap.mmap | None:
        file = self.files.get(name)
        if not isinstance(file, Path):
            return file
        with file.open("rb") as opened:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what the tests are about: no traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each small answer waits 40 ms
    server: FileServer

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        server = self.server
        server.requests.append({name.lower(): value for name, value in self.headers.items()})
        answer = server.next_answer()
        content = server.content(self.path.strip("/").partition("?")[0])
        if content is None or answer.status:
            answer = replace(answer, status=answer.status or 404, body=answer.body or b"")
        whole = content if answer.body is None else answer.body
        start, stop, status = self._range(len(whole)) if answer.ranges else (0, len(whole), 200)
        stop -= (stop - start) // 2 if answer.short else 0
        headers = {
            "Content-Length": str(stop - start),
            "Content-Type": "application/octet-stream",
            "Last-Modified": formatdate(server.modified, usegmt=True),
            "ETag": server.etag,
            "Accept-Ranges": "bytes" if answer.ranges else None,
        }
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(whole)}"
        if status == 416:
            headers["Content-Range"] = f"bytes */{len(whole)}"
        self.send_response(answer.status or status)
        for name, value in (headers | answer.headers).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self._send(memoryview(whole)[start:stop], start, answer)

    def _range(self, size: int) -> tuple[int, int, int]:
        """First byte, end and status of what is asked for."""
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        same = (self.server.etag, formatdate(self.server.modified, usegmt=True))
        if not asked or (condition and condition not in same):
            return 0, size, 200
        first, last = asked.groups()
        if not first:
            return max(size - int(last), 0), size, 206
        if int(first) >= size:
            return 0, 0, 416
        return int(first), min(int(last) + 1 if last else size, size), 206

    def _send(self, body: memoryview, start: int, answer: Answer) -> None:
        limit = answer.cut_after if answer.cut_after is not None else answer.stall_after
        faulty = limit is not None
        if faulty:
            body = body[: int(limit * len(body) if limit < 1 else limit)]
        with self.server.sending:
            sent = 0
            try:
                while sent < len(body):
                    slow = answer.slow_after is not None and sent >= answer.slow_after
                    block = body[sent : sent + (SLOW_BLOCK if slow else BLOCK)]
                    self.wfile.write(block)
                    sent += len(block)
                    time.sleep(answer.slow_s if slow else 0)
            finally:
                self.server._served.append((start, start + sent))
                self.close_connection |= faulty or "Content-Length" in answer.headers
        if answer.stall_after is not None:
            time.sleep(30)
