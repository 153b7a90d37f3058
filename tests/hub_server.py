"""A server on 127.0.0.1 that speaks enough of the Hugging Face hub's HTTP API to stream one folder.

Data sets behave by their owner: `good` serves the files, `gated` refuses, `scripted` has a loading
script, `broken` cuts the connection in the middle of each file; any other is unknown.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SHA = "a" * 40
FILE = re.compile(r"/datasets/(\w+)/(\w+)/resolve/([^/]+)/([^?]*)")
INFO = re.compile(r"/api/datasets/(\w+)/(\w+)(/tree)?")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: object) -> None:
        self.server.requests.append(f"{self.path} {self.headers.get('Authorization', '')}")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        match = FILE.match(self.path) or INFO.match(self.path)
        owner = match[1] if match else None
        if owner == "gated":
            self.send(401, b"{}", {"X-Error-Code": "GatedRepo"})
        elif owner not in ("good", "scripted", "broken"):
            self.send(401, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif match.re is INFO:
            self.send(200, json.dumps(self.describe(match)).encode())
        else:
            self.send_file(owner, match[2], match[4])

    def describe(self, match: re.Match) -> object:
        sizes = {path.name: path.stat().st_size for path in sorted(self.server.folder.iterdir())}
        if match[3]:
            return [{"type": "file", "path": n, "size": size, "oid": "0" * 40} for n, size in sizes.items()]
        flags = dict.fromkeys(("private", "gated", "disabled"), False)
        siblings = [{"rfilename": name} for name in sizes]
        return {"id": f"{match[1]}/{match[2]}", "sha": SHA, "tags": [], "siblings": siblings, **flags}

    def send_file(self, owner: str, dataset: str, name: str) -> None:
        head = {"ETag": '"x"', "X-Repo-Commit": SHA, "Accept-Ranges": "bytes"}
        path, wanted = self.server.folder / name, self.headers.get("Range")
        if owner == "scripted" and name == f"{dataset}.py":
            self.send(200, b"print()", head)
        elif not path.is_file():
            self.send(404, b"{}", {"X-Error-Code": "EntryNotFound", **head})
        elif not wanted:
            self.send(200, path.read_bytes(), head)
        else:
            data = path.read_bytes()
            first, last = wanted.removeprefix("bytes=").split("-")
            part = data[int(first) : int(last) + 1 if last else None]
            head["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
            self.send(206, part, head, cut=owner == "broken" and len(part) > 100_000)

    def send(
        self, status: int, body: bytes, head: dict[str, str] | None = None, *, cut: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in (head or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut


class Server(ThreadingHTTPServer):
    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.requests = folder, []


@contextmanager
def serve(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder's files as the data sets `good/x`, `broken/x` ...: address, and requests so far."""
    server = Server(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
