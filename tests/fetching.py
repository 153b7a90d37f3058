"""What tests of fetching share: a file, a newer one of its length, and calls of little patience."""

from pathlib import Path

import numpy as np
import pytest
from http_server import Answer, FileServer

from galaxypair.errors import DataError
from galaxypair.fetch import whole
from galaxypair.fetch.http import Patience
from galaxypair.fetch.transfer import Wanted

NAME = "a.bin"
DATA = np.random.default_rng(1).bytes(400_000)
OTHER = np.random.default_rng(2).bytes(400_000)
HASTY = Patience(stall_s=1, stall_bytes_per_s=50_000, tries=4, first_wait_s=0.01, longest_wait_s=0.02)


def get(server: FileServer, target: Path, check=None, **known: object) -> dict:
    wanted = Wanted(server.url(NAME), "download.files.joint", **known)
    return whole.fetch(wanted, target, check, HASTY)


def leave_part(server: FileServer, target: Path, n: int = 200_000) -> None:
    """Fetch the first `n` bytes, as a run does that is then given up."""
    server.answers[:] = [Answer(cut_after=n), *[Answer(status=503)] * HASTY.tries]
    with pytest.raises(DataError, match="goes on from there"):
        get(server, target)
    assert part_of(target).stat().st_size == n
    server.answers.clear()
    server.served.clear()
    server.requests.clear()


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def names(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())
