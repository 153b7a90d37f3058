"""A map over worker processes that keeps the order and never holds more than a few results."""

import functools
import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from threadpoolctl import threadpool_limits

from galaxypair.errors import GalaxypairError


@contextmanager
def ordered_map(processes: int, *, apart: bool = False) -> Iterator[Callable[[Callable, Iterable], Iterable]]:
    """Give a lazy `map` that works in this process, or in several.

    Results come in the order of the jobs whatever the number of processes, and at most two jobs per
    process are under way or waiting to be fetched, so that memory stays bounded and jobs may be
    endless. Linear algebra uses one thread per process.

    Parameters
    ----------
    processes : int
    apart : bool, default=False
        Start a process for one too, so that this one can do something else meanwhile.

    Yields
    ------
    callable
        (function, iterable of jobs) -> iterator of results. The function and what it needs must be
        importable by name: workers are spawned.

    Raises
    ------
    GalaxypairError
        If a worker is killed.
    """
    if processes == 1 and not apart:
        with threadpool_limits(1):
            yield map
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_watch_parent) as pool:
        yield functools.partial(_bounded, pool, 2 * processes)


def _bounded(pool: ProcessPoolExecutor, ahead: int, function: Callable, jobs: Iterable) -> Iterator[Any]:
    jobs = iter(jobs)
    waiting = deque(pool.submit(_call, function, job) for job in itertools.islice(jobs, ahead))
    try:
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(_call, function, job) for job in itertools.islice(jobs, 1))
            yield result
    except BrokenProcessPool as err:
        raise GalaxypairError(
            "A worker process was killed, most likely for lack of memory (each needs up to 0.7 GB). "
            "Run again with fewer cores, e.g. `snakemake --cores 2`."
        ) from err
    finally:
        for future in waiting:
            future.cancel()


def _watch_parent() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this worker, which would wait for its next job for ever if its parent is killed."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _call(function: Callable, job: Any) -> Any:
    _use_one_thread()
    return function(job)


@functools.cache
def _use_one_thread() -> None:
    """Once per worker, after unpickling the first function has loaded the libraries."""
    threadpool_limits(1)
