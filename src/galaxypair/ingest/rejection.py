"""The one exception of `ingest` that never reaches the user: it becomes a row of the ledger."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from galaxypair import tables


class Rejected(Exception):
    """A galaxy's file cannot be used.

    Parameters
    ----------
    reason : str
        One of `tables.REASONS`.
    detail : str
        One sentence for a person: what was expected, found, and what to do.
    """

    def __init__(self, reason: str, detail: str) -> None:
        if reason not in tables.REASONS:
            raise ValueError(f"`{reason}` is not among tables.REASONS")
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Turn whatever a file library raises on a damaged file into `Rejected`.

    Parameters
    ----------
    path : Path
        Named in the detail.

    Yields
    ------
    None

    Raises
    ------
    Rejected
        With reason `file_unreadable`.
    """
    try:
        with warnings.catch_warnings():  # headers mended, files cut short: what matters then raises
            warnings.simplefilter("ignore")
            yield
    except Rejected:
        raise
    except Exception as err:  # astropy and pillow raise a dozen types on damaged files
        raise Rejected(
            "file_unreadable", f"{path.name} cannot be read ({type(err).__name__}: {err}); fetch it again."
        ) from err
