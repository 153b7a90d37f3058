"""Count what interruptions of a download cost: 100 fetches of 200 MB, each broken off once, then completed.

`python benchmarks/download.py [--fetches N] [--megabytes M] [--folder F]`: half of the connections are cut
at a random byte, half of the fetching processes are killed (SIGKILL) near one while bytes arrive at 0.4 MB/s;
all else runs at full speed, from a server on 127.0.0.1. The figure is printed last. (Killed at full speed,
the kernel's socket buffers hold some MB more that the server has sent and no process has seen.)
"""

import argparse
import hashlib
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "src"), str(REPO / "tests")]
os.environ["PYTHONPATH"] = str(REPO / "src")  # for the server of processes

from http_server import Answer, FileServer

from galaxypair.fetch import whole
from galaxypair.fetch.http import IN_HAND
from galaxypair.fetch.transfer import OVERLAP, Wanted

NAME = "a.bin"
PROCESSES = multiprocessing.get_context("forkserver")  # of which each child starts at once
PROCESSES.set_forkserver_preload(["galaxypair.fetch.whole"])


def start(server: FileServer, target: Path) -> multiprocessing.Process:
    child = PROCESSES.Process(target=whole.fetch, args=(Wanted(server.url(NAME), "benchmark"), target))
    child.start()
    return child


def cut(server: FileServer, target: Path, at: int) -> None:
    """Let the server end the connection; the same process goes on."""
    server.answers[:] = [Answer(cut_after=at)]
    start(server, target).join()


def kill(server: FileServer, target: Path, at: int) -> None:
    """Kill the process; another one goes on."""
    server.answers[:] = [Answer(slow_after=at, slow_s=0.01)]
    part = target.with_name(f"{NAME}.part")
    child = start(server, target)
    while child.is_alive() and not (part.exists() and part.stat().st_size > at):
        time.sleep(0.002)
    child.kill()
    child.join()
    time.sleep(0.05)  # until the server has noticed
    start(server, target).join()


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
    cuts, kills, bound = (n / 1024 for n in (max(twice[::2]), max(twice[1::2]), OVERLAP + IN_HAND))
    print(
        f"{chosen.fetches} interrupted fetches of {chosen.megabytes} MB: {identical} identical; served twice "
        f"at most {cuts:.0f} KiB (cut) and {kills:.0f} KiB (kill -9), bound {bound:.0f} KiB, "
        f"{sum(twice) / 1e6:.1f} MB in all"
    )
    sys.exit(identical < chosen.fetches or max(twice) > OVERLAP + IN_HAND)


if __name__ == "__main__":
    main()
