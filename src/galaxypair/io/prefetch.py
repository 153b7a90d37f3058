"""Read ahead: the next batches come while the network works on this one."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
_END = object()
AHEAD = 2  # so many are ready or under way: memory for a batch that is slow to come


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """Give the same items in the same order, the next ones made meanwhile in a thread.

    Parameters
    ----------
    items : iterable
        Made by one thread, one after the other; its errors are raised here.

    Yields
    ------
    Item

    Notes
    -----
    A thread, not processes: reading and copying let other threads run, and nothing has to be passed on.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, "prefetch") as pool:
        waiting = deque(pool.submit(next, source, _END) for _ in range(AHEAD))
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(next, source, _END))
            yield item
