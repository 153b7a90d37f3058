import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from figure_checks import watched

SLOWEST_FIRST = ("slurm", "survival", "dag", "conda")  # markers of files that take minutes


@pytest.fixture(autouse=True)
def sound_figures(monkeypatch):
    """Every figure that a test draws is checked at its end."""
    with watched(monkeypatch):
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread_each() -> Iterator[None]:
    """Test processes that share the cores slow each other down if each takes all of them."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield


def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores, since tests of clusters and servers wait for much of their time."""
    return min(os.cpu_count() or 1, 3) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, so that parallel test processes end together."""
    ranks: dict[Path, int] = {}
    for item in items:
        rank = min(
            (SLOWEST_FIRST.index(m.name) for m in item.iter_markers() if m.name in SLOWEST_FIRST), default=9
        )
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: ranks[item.path])
