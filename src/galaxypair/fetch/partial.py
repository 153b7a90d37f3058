"""A file that is being fetched: its bytes so far, what is known about it, and who may write it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from galaxypair import io


class Part:
    """An open file that is not complete yet, and beside it, in JSON, what the server said about it.

    Parameters
    ----------
    path : Path
        Its name ends in `.part`.
    file : FileIO
        The same, open for reading and appending, without a buffer: what `write` has taken survives
        the end of the process.
    """

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path, self.notes, self._file = path, path.with_name(f"{path.name}.json"), file
        self.told = self._read_notes()

    def _read_notes(self) -> dict:
        try:
            told = json.loads(self.notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    @property
    def size(self) -> int:
        """Number of bytes that are there."""
        return os.fstat(self._file.fileno()).st_size

    def is_complete(self) -> bool:
        """Whether the file is as long as the server said."""
        return self.told.get("bytes") == self.size

    def note(self, **told: object) -> None:
        """Keep what the server said, before the first byte is written.

        Parameters
        ----------
        **told : object
            Replaces what was kept under the same names.
        """
        self.told = {**self.told, **told}
        io.write_text(json.dumps(self.told, indent=1) + "\n", self.notes)

    def clear(self) -> None:
        """Throw away all bytes and notes."""
        self.notes.unlink(missing_ok=True)
        self._file.truncate(0)
        self.told = {}

    def tail(self, n: int) -> bytes:
        """Read the last bytes.

        Parameters
        ----------
        n : int

        Returns
        -------
        bytes
        """
        return os.pread(self._file.fileno(), n, max(self.size - n, 0))

    def append(self, data: bytes) -> None:
        """Write at the end, at once.

        Parameters
        ----------
        data : bytes
        """
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def sync(self) -> None:
        """Wait until all is on the disk."""
        os.fsync(self._file.fileno())


@contextmanager
def open_part(path: Path) -> Iterator[Part]:
    """Open a part for this process alone; wait for another one that has it.

    Parameters
    ----------
    path : Path
        Its name ends in `.part`; made, with its folder, if it is not there.

    Yields
    ------
    Part
        Removed at the end, if it is still empty.
    """
    # not on the part itself, which the HDF5 library locks to read its layout
    with io.alone(path.with_name(f"{path.name}.lock")), path.open("a+b", buffering=0) as file:
        part = Part(path, file)
        try:
            yield part
        finally:
            if part.size == 0:
                part.clear()
                path.unlink(missing_ok=True)
