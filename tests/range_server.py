"""A file server on this machine that counts what it sends, and can misbehave."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Served:
    """One file under one address.

    `cuts`: so many of the next answers break off after half of their bytes; `short`: they are
    complete but half as long as asked for; `stalls`: they stop for a while after half;
    `busy`: they are a 503. `after_bytes`: such trouble begins when so many bytes are out.
    """

    path: Path
    url: str = ""
    ranges: bool = True
    status: int = 0  # of every answer, if not 0
    etag: str = '"1"'
    cuts: int = 0
    short: int = 0
    stalls: int = 0
    stall_s: float = 5.0
    busy: int = 0
    after_bytes: int = 0
    sent: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)
    on_bytes: tuple[int, object] | None = None  # (so many, a function to call then, once)


@contextmanager
def serve(path: Path, **settings: object) -> Iterator[Served]:
    """Serve one file until the block ends."""
    served = Served(path, **settings)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            _answer(self, served)

        def _headers(self, status: int, length: int, **more: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.send_header("ETag", served.etag)
            for name, value in more.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_port}/{path.name}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def _trouble(served: Served, name: str) -> bool:
    if served.sent < served.after_bytes or not getattr(served, name):
        return False
    setattr(served, name, getattr(served, name) - 1)
    return True


def _answer(handler: BaseHTTPRequestHandler, served: Served) -> None:
    size = served.path.stat().st_size
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", "")) if served.ranges else None
    start, stop = (int(asked[1]), min(int(asked[2]) + 1, size)) if asked else (0, size)
    if served.status or _trouble(served, "busy"):
        handler._headers(served.status or 503, 0)
        return
    length = stop - start
    if _trouble(served, "short"):
        stop = start + length // 2
    status, more = (206, {"Content_Range": f"bytes {start}-{stop - 1}/{size}"}) if asked else (200, {})
    handler._headers(status, stop - start, **more)
    served.asked.append((start, stop))
    with served.path.open("rb") as file:
        file.seek(start)
        if _trouble(served, "cuts"):
            _send(handler, served, file, length // 2)
            handler.close_connection = True
            return
        if _trouble(served, "stalls"):
            _send(handler, served, file, length // 2)
            time.sleep(served.stall_s)
        _send(handler, served, file, stop - file.tell())


def _send(handler: BaseHTTPRequestHandler, served: Served, file, length: int) -> None:
    while length > 0:
        part = file.read(min(length, 2**20))
        try:
            handler.wfile.write(part)
        except OSError:  # the client has gone
            handler.close_connection = True
            return
        length -= len(part)
        served.sent += len(part)
        if served.on_bytes and served.sent >= served.on_bytes[0]:
            action, served.on_bytes = served.on_bytes[1], None
            action()
