import itertools
import operator
import os
import subprocess
import sys

import pytest

from galaxypair.errors import GalaxypairError
from galaxypair.parallel import ordered_map


@pytest.mark.parametrize("processes", [1, 2])
def test_map_keeps_the_order(processes):
    with ordered_map(processes) as run:
        assert list(run(operator.neg, range(20))) == [-i for i in range(20)]


@pytest.mark.parametrize("processes", [1, 2])
def test_map_stops_early_on_endless_jobs(processes):
    with ordered_map(processes) as run:
        assert list(itertools.islice(run(operator.neg, itertools.count()), 3)) == [0, -1, -2]


def test_map_never_runs_far_ahead():
    taken = []

    def jobs():
        for i in range(100):
            taken.append(i)
            yield i

    with ordered_map(2) as run:
        results = run(operator.neg, jobs())
        next(results)
        assert len(taken) <= 5


def test_errors_of_workers_arrive():
    with ordered_map(2) as run, pytest.raises(ZeroDivisionError):
        list(run(_invert, range(3)))


def test_a_killed_worker_is_explained():
    with ordered_map(2) as run, pytest.raises(GalaxypairError, match=r"lack of memory.*fewer cores"):
        list(run(os._exit, range(1, 4)))


def test_workers_end_with_a_parent_that_is_killed():
    """They hold the other end of its standard output, which is closed when the last of them has gone."""
    code = (
        "import os; from galaxypair.parallel import ordered_map\n"
        "if __name__ == '__main__':\n"
        "    with ordered_map(2) as run:\n"
        "        list(run(abs, range(4)))\n"
        "        os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False, timeout=30)
    assert done.returncode == -9


def _invert(x: int) -> float:
    return 1 / x
