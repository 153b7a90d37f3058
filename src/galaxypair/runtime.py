"""Logs, seeds, threads and progress of one job."""

import logging
import os
import random
import sys
import time
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)


def setup_logging(log: Path | None = None) -> None:
    """Send records to the terminal and, with time, level and module, to the log of the rule.

    Parameters
    ----------
    log : Path, optional
        File that is started anew.
    """
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(logging.INFO)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    root.addHandler(terminal)
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(log, mode="w", encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(file)
    logging.captureWarnings(True)


def seed_everything(seed: int) -> np.random.Generator:
    """Seed the global generators of Python and numpy; return a generator of our own.

    Libraries that take no generator (and torch, seeded in `train`) draw from the global ones.

    Parameters
    ----------
    seed : int

    Returns
    -------
    numpy.random.Generator
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    return np.random.default_rng(seed)


def cpu_count() -> int:
    """CPU cores that this process may use.

    Returns
    -------
    int
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Progress:
    """Log how far a loop has come, with rate and time left: a line per 5 %, at most one per 2 s.

    Parameters
    ----------
    total : int
        Number of items to come.
    unit : str, default="galaxies"
        What is counted, for the reader.
    """

    def __init__(self, total: int, unit: str = "galaxies") -> None:
        self.total, self.unit = total, unit
        self.done = 0
        self._start = self._last = time.monotonic()
        self._next = 0.05 * total

    def update(self, n: int) -> None:
        """Count `n` more items as done.

        Parameters
        ----------
        n : int
        """
        self.done += n
        now = time.monotonic()
        if self.done < self._next or (now - self._last < 2 and self.done < self.total):
            return
        self._last, self._next = now, self.done + 0.05 * self.total
        rate = self.done / max(now - self._start, 1e-9)
        left = max(self.total - self.done, 0) / rate
        logger.info(
            "%s of %s %s (%.0f/s, %.0f s left)",
            f"{self.done:,}",
            f"{self.total:,}",
            self.unit,
            rate,
            left,
        )


def report_error(rule: str, error: Exception, log: Path | None) -> None:
    """Print what is wrong for the user; keep the traceback for the log alone.

    Parameters
    ----------
    rule : str
    error : Exception
    log : Path or None
    """
    where = f" (details in {log})" if log else ""
    sys.stderr.write(f"\nError in {rule}: {error}{where}\n\n")
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            record = logger.makeRecord(
                logger.name, logging.ERROR, __file__, 0, "%s failed: %s", (rule, error), sys.exc_info()
            )
            handler.handle(record)
