"""Count what interruptions of a download cost: 100 fetches of 200 MB, each broken off once, then completed.

`python benchmarks/download.py [--fetches N] [--megabytes M] [--folder F]`: half of the connections are cut at a
random byte, half of the fetching processes are killed (SIGKILL) near one while bytes arrive at 2 MB/s; the rest
runs at full speed, from a server on 127.0.0.1. The figure is printed last.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "src"), str(REPO / "tests")]

from http_server import Answer, FileServer

from galaxypair.transfer import IN_HAND, OVERLAP

NAME = "a.bin"
FETCH = (
    "import sys; from pathlib import Path; from galaxypair import fetch\n"
    "from galaxypair.transfer import Wanted\n"
    "fetch.fetch(Wanted(sys.argv[1], 'benchmark'), Path(sys.argv[2]))"
)


def start(server: FileServer, target: Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src")}
    command = [sys.executable, "-c", FETCH, server.url(NAME), str(target)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def cut(server: FileServer, target: Path, at: int) -> None:
    """Let the server end the connection; the same process goes on."""
    server.answers[:] = [Answer(cut_after=at)]
    start(server, target).wait()


def kill(server: FileServer, target: Path, at: int) -> None:
    """Kill the process; another one goes on."""
    server.answers[:] = [Answer(slow_after=at)]
    part = target.with_name(f"{NAME}.part")
    child = start(server, target)
    while child.poll() is None and not (part.exists() and part.stat().st_size > at):
        time.sleep(0.002)
    child.kill()
    child.wait()
    time.sleep(0.05)  # until the server has noticed
    start(server, target).wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fetches", type=int, default=100, metavar="N")
    parser.add_argument("--megabytes", type=int, default=200, metavar="M")
    parser.add_argument("--folder", type=Path, help="where the files are written; default: the system's")
    chosen = parser.parse_args()
    rng = np.random.default_rng(1)
    data = rng.bytes(chosen.megabytes * 1_000_000)
    expected, identical, twice = hashlib.sha256(data).hexdigest(), 0, []
    with FileServer({NAME: data}) as server, tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        for n in range(chosen.fetches):
            target = Path(folder) / NAME
            server.served.clear()
            (cut, kill)[n % 2](server, target, int(rng.uniform(0.01, 0.99) * len(data)))
            with target.open("rb") as file:
                identical += hashlib.file_digest(file, "sha256").hexdigest() == expected
            twice.append(server.bytes_served - len(data))
            for path in Path(folder).iterdir():
                path.unlink()
            print(f"{n + 1}: {twice[-1]:,} bytes served twice", flush=True)
    cuts, kills = max(twice[::2]), max(twice[1::2])
    print(
        f"{chosen.fetches} interrupted fetches of {chosen.megabytes} MB: {identical} identical; served twice at "
        f"most {cuts / 1024:.0f} KiB after a cut, {kills / 1024:.0f} KiB after kill -9 (bound "
        f"{(OVERLAP + IN_HAND) / 1024:.0f}), {sum(twice) / 1e6:.1f} MB in all"
    )
    sys.exit(identical < chosen.fetches or max(twice) > OVERLAP + IN_HAND)


if __name__ == "__main__":
    main()
