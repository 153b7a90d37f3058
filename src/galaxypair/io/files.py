"""Atomic writing, and opening with errors that a user can act on."""

import glob
import hashlib
import logging
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from galaxypair.errors import DataError
from galaxypair.io.locks import alone
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` only if the block succeeds.

    A killed job, or a power cut, leaves no half-written file under the final name; the one that it leaves
    under the temporary name is removed when the same file is written again.

    Parameters
    ----------
    path : Path
        Final name; its folder is made if need be.

    Yields
    ------
    Path
        Name to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = f".{path.name}.{socket.gethostname()}-"
    _remove_abandoned(path.parent, mine, f".part{path.suffix}")
    part = path.with_name(f"{mine}{os.getpid()}.part{path.suffix}")
    try:
        yield part
        _to_disk(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until a file is on the disk: a name may get there before the bytes, and a power cut between."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _remove_abandoned(folder: Path, start: str, end: str) -> None:
    """Remove what processes of this machine that have gone have left: temporary files and folders."""
    for old in folder.glob(f"{glob.escape(start)}*{glob.escape(end)}"):
        pid = old.name.removeprefix(start).removesuffix(end)
        if pid.isdigit() and not _is_running(int(pid)):
            shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Give a hidden folder for what is needed meanwhile; that of a killed job is removed first.

    Parameters
    ----------
    parent : Path
        Made if need be.

    Yields
    ------
    Path
        Removed at the end.
    """
    parent.mkdir(parents=True, exist_ok=True)
    mine = f".scratch.{socket.gethostname()}-"
    _remove_abandoned(parent, mine, ".part")
    folder = parent / f"{mine}{os.getpid()}.part"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """Give a new HDF5 file to write, which appears under its name only if the block succeeds.

    Parameters
    ----------
    path : Path

    Yields
    ------
    h5py.File
        Without a cache: chunks should be written whole.

    Notes
    -----
    HDF5 2.0 crashes if it comes to write what it has held back to a disk that is full. So it holds back
    no chunks, and what an error leaves of the file makes room for the rest.
    """
    with atomic_path(path) as part, h5py.File(part, "w", rdcc_nbytes=0) as file:
        try:
            yield file
            file.flush()
        except BaseException:
            os.truncate(part, 0)
            raise


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside `path`; rename it to `path` only if the block succeeds.

    Parameters
    ----------
    path : Path
        Final name; nothing may be there.

    Yields
    ------
    Path
        Folder to write to.

    Raises
    ------
    DataError
        If there is something at `path`: a folder may hold more than what was written to it.
    """
    if path.exists():
        raise DataError(f"`{path}`: is there already. Move it away or remove it, then try again.")
    part = path.with_name(f".{path.name}.part")
    with alone(part.with_name(f"{part.name}.lock")):
        shutil.rmtree(part, ignore_errors=True)  # of a job that was killed
        part.mkdir()
        try:
            yield part
            for file in part.rglob("*"):
                if file.is_file():
                    _to_disk(file)
            if path.exists():  # made meanwhile by a job that outlived its Snakemake
                shutil.rmtree(path)
            os.replace(part, path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading, with an error that a user can act on.

    Parameters
    ----------
    path : Path

    Returns
    -------
    h5py.File

    Raises
    ------
    DataError
        If the file is missing, truncated or no HDF5 file, or if parts of it are links or lie in other
        files: a file from somebody else must not make the workflow read other files of yours.
    """
    if not path.is_file():
        raise DataError(f"`{path}`: no such file. Check the path in the config.")
    try:
        file = h5py.File(path, "r")
    except (PermissionError, BlockingIOError) as err:
        raise DataError(
            f"`{path}`: cannot be read now ({err}). Another program is writing it, or you lack the "
            "right to read it: wait for the program to end, or `chmod u+r` the file."
        ) from err
    except OSError as err:
        raise DataError(
            f"`{path}`: cannot be opened as HDF5 ({err}). It is incomplete or damaged: "
            "fetch it again, or make it again: your command with `--forcerun RULE` added, RULE being the one "
            "that writes it."
        ) from err
    try:
        check_self_contained(path, file)
    except BaseException:
        file.close()
        raise
    return file


def check_self_contained(path: Path | str, file: h5py.File) -> None:
    """Refuse links before anything follows them, then datasets whose values lie elsewhere.

    Parameters
    ----------
    path : Path or str
        For messages.
    file : h5py.File

    Raises
    ------
    DataError
    """

    def is_link(name: str, link: object) -> str | None:
        return None if isinstance(link, h5py.HardLink) else name

    def is_elsewhere(name: str, node: h5py.Group | h5py.Dataset) -> str | None:
        return name if isinstance(node, h5py.Dataset) and (node.external or node.is_virtual) else None

    try:
        name = file.visititems_links(is_link) or file.visititems(is_elsewhere)
    except ConnectionError:  # a file on a server, which may be asked again
        raise
    except (OSError, RuntimeError, KeyError, TypeError) as err:  # the last: a link of an unknown kind
        raise DataError(
            f"`{path}`: its table of contents cannot be read ({err}). The file is incomplete or damaged: "
            "fetch or make it again."
        ) from err
    if name:
        raise DataError(
            f"`{path}`: `{name}` is a link, or its values lie in another file; that is not followed. "
            "Write the file again with all values inside it."
        )


def sha256(path: Path) -> str:
    """Compute the checksum of a file of any size.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        Hexadecimal.
    """
    digest, block = hashlib.sha256(), bytearray(1 << 20)
    view = memoryview(block)
    logger.info("`%s`: computing its sha256", path)
    progress = Progress(path.stat().st_size, "bytes")
    with path.open("rb", buffering=0) as file:
        while n := file.readinto(block):
            digest.update(view[:n])
            progress.update(n)
    return digest.hexdigest()


def write_text(text: str, path: Path) -> None:
    """Write a small text file at once.

    Parameters
    ----------
    text : str
    path : Path
    """
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")
