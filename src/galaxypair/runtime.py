"""Logs, progress and errors of one job."""

import logging
import os
import platform
import sys
import threading
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import TextIO

from tqdm import tqdm

from galaxypair.errors import GalaxypairError
from galaxypair.masking import MaskingFormatter, mask

logger = logging.getLogger(__name__)


def setup_logging(log: Path | None = None) -> None:
    """Send records, secrets masked, to the terminal and, with time, level and module, to the log of the rule.

    Parameters
    ----------
    log : Path, optional
        File that is started anew.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(logging.INFO)
    terminal = _TerminalHandler(sys.stderr)
    terminal.setFormatter(MaskingFormatter("%(message)s"))
    root.addHandler(terminal)
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(log, mode="w", encoding="utf-8")
        file.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(file)
    logging.captureWarnings(True)
    threading.excepthook = _note_failed_thread
    sys.excepthook = _print_masked


def _print_masked(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """Print a traceback, which may quote an address with a password in it."""
    sys.stderr.write(mask("".join(traceback.format_exception(kind, error, where))))


def note_interpreter() -> None:
    """Write to the log alone which Python runs this job: under `--use-conda` each rule has its own."""
    logger.info("Python %s in %s", platform.python_version(), sys.prefix, extra={"shown_as_bar": True})


def _note_failed_thread(failure: threading.ExceptHookArgs) -> None:
    """One line for the terminal, where Python would print a traceback beside the job's own message."""
    logger.error("a helper thread failed (%s: %s)", failure.exc_type.__name__, failure.exc_value)


class _TerminalHandler(logging.StreamHandler):
    """The terminal's share of the records: all but the lines that a bar shows already."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(record, "shown_as_bar", False) and super().filter(record)


def _terminal() -> TextIO | None:
    """Open the terminal, if this job runs in its foreground and no other job draws a bar in it."""
    try:
        tty = Path("/dev/tty").open("w", encoding="utf-8")  # closed by the bar that draws in it
    except OSError:
        return None
    try:
        import fcntl

        fcntl.flock(tty, fcntl.LOCK_EX | fcntl.LOCK_NB)
        foreground = os.tcgetpgrp(tty.fileno()) == os.getpgrp()
        if foreground and os.get_terminal_size(tty.fileno()).columns > 0:
            return tty
    except OSError:
        pass
    tty.close()
    return None


class Progress:
    """Show how far a loop has come, with rate and time left.

    On a terminal one job at a time draws a bar; the log, and the terminal of the other jobs, get a
    line per 5 %, at most one per 2 s.

    Parameters
    ----------
    total : int
        Number of items to come.
    unit : str, default="galaxies"
        What is counted, for the reader; "bytes" are shown in MB or GB.
    done : int, default=0
        Items that an earlier run has done: part of the total, but not of the rate.
    """

    def __init__(self, total: int, unit: str = "galaxies", done: int = 0) -> None:
        self.total, self.unit = total, unit
        self.done = self._before = done
        self._start = self._last = time.monotonic()
        self._next = done + 0.05 * total
        self._tty, self._bar = None, None
        if any(isinstance(handler, _TerminalHandler) for handler in logging.getLogger().handlers):
            self._tty = _terminal()
        if self._tty is not None:
            scaled = {"unit": "B", "unit_scale": True} if unit == "bytes" else {"unit": f" {unit}"}
            self._bar = tqdm(
                total=total, initial=done, file=self._tty, leave=False, dynamic_ncols=True, **scaled
            )

    def update(self, n: int) -> None:
        """Count `n` more items as done.

        Parameters
        ----------
        n : int
        """
        self.done += n
        drawn = self._bar is not None
        self._draw(n)
        now = time.monotonic()
        if self.done < self._next or (now - self._last < 2 and self.done < self.total):
            return
        self._last, self._next = now, self.done + 0.05 * self.total
        rate = (self.done - self._before) / max(now - self._start, 1e-9)
        left = max(self.total - self.done, 0) / max(rate, 1e-9)
        if self.unit == "bytes":
            words = [readable_bytes(self.done), readable_bytes(self.total), readable_bytes(rate)]
        else:
            words = [f"{self.done:,}", f"{self.total:,} {self.unit}", f"{rate:.0f}"]
        logger.info("%s of %s (%s/s, %.0f s left)", *words, left, extra={"shown_as_bar": drawn})

    def _draw(self, n: int) -> None:
        if self._bar is None:
            return
        self._bar.update(n)
        if self.done >= self.total:
            self.close()

    def close(self) -> None:
        """Take away the bar of a loop that ends early; a loop that is done has none."""
        if self._bar is not None:
            self._bar.close()
            self._tty.close()
            self._bar = None


def readable_bytes(n: float) -> str:
    """Say a number of bytes in the largest unit that fits.

    Parameters
    ----------
    n : float

    Returns
    -------
    str
        For example "3.1 GB"; units are powers of 1000.
    """
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n >= factor:
            return f"{n / factor:.1f} {unit}"
    return f"{n:.0f} bytes"


def report_interruption(rule: str) -> None:
    """Say that a job was interrupted and what to do; where it was goes to the log alone.

    Parameters
    ----------
    rule : str
    """
    sys.stderr.write(f"\nInterrupted: {rule}. The same command goes on from what is complete.\n\n")
    _note_in_log("%s was interrupted", rule)


def report_error(rule: str, error: Exception, log: Path | None) -> None:
    """Print what is wrong for the user; keep the traceback for the log alone.

    Parameters
    ----------
    rule : str
    error : Exception
    log : Path or None
    """
    gap = "\n" if "\n" in str(error) else " "  # a message may end in lines to copy
    where = f"{gap}(details in {log})" if log else ""
    kind = "" if isinstance(error, GalaxypairError) else f"{type(error).__name__}: "
    sys.stderr.write(mask(f"\nError in {rule}: {kind}{error}{where}\n\n"))
    _note_in_log("%s failed: %s", rule, error)


def _note_in_log(text: str, *words: object) -> None:
    """Write to the log alone, with the traceback of the error that is being handled."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            record = logger.makeRecord(logger.name, logging.ERROR, __file__, 0, text, words, sys.exc_info())
            handler.handle(record)
