"""Published files, as the config names them: the user's own in place, or fetched once for all runs."""

import logging
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from galaxypair import io
from galaxypair.errors import DataError
from galaxypair.fetch import whole
from galaxypair.fetch.transfer import Wanted
from galaxypair.io.votes import check_votes

logger = logging.getLogger(__name__)

_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
_OLD_TORCH = b"\x80\x02"  # a pickle of protocol 2, as torch.save wrote before version 1.6
PROVABGS_NEEDED = ("TARGETID", "RA", "DEC", "Z_HP", "PROVABGS_LOGMSTAR_BF")


def check_provabgs(path: Path) -> int:
    """Check that a file is a PROVABGS catalogue, by its header alone.

    Parameters
    ----------
    path : Path

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    DataError
        If the table or a column that is needed is missing, or is no number.
    """
    with io.open_hdf5(path) as file:
        return len(io.provabgs_table(path, file, PROVABGS_NEEDED))


def check_checkpoint(path: Path) -> None:
    """Check that a file of weights is complete, as far as that shows without reading it.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        If it is a truncated zip archive. The format of torch before 1.6 has no mark at its end.
    """
    with path.open("rb") as file:
        zipped = file.read(4) == _ZIP
    if zipped and not zipfile.is_zipfile(path):
        raise DataError(f"`{path}`: a truncated file of weights.")


@dataclass(frozen=True)
class Kind:
    """What files of one kind start with, and what their layout must be."""

    magic: tuple[bytes, ...]
    check: Callable[[Path], object]


KINDS = {  # of the entries of `download.files`; all others are weights
    "joint": Kind((_HDF5,), io.check_joint),
    "provabgs": Kind((_HDF5,), check_provabgs),
    "galaxy_zoo": Kind((), check_votes),
    "galaxy10": Kind((_HDF5,), check_votes),
}
WEIGHTS = Kind((_ZIP, _OLD_TORCH), check_checkpoint)


def provide(name: str, entry: dict, folder: Path, file: Path, record: Path) -> None:
    """Put a published file in its place in a run, and beside it a record of where it came from.

    Parameters
    ----------
    name : str
        Of its entry under `download.files`.
    entry : dict
        url, path, bytes, sha256; perhaps instead; and, if there is no url, perhaps globus.
    folder : Path
        Where fetched files are kept.
    file, record : Path
        A link to the file, and JSON.

    Raises
    ------
    DataError
        If the file cannot be had, or is not what the config says; the message tells what to do.
    """
    key, kind = f"download.files.{name}", KINDS.get(name, WEIGHTS)
    known = entry["bytes"], entry["sha256"], kind.magic, entry.get("instead")
    wanted = Wanted(entry["url"] or "", key, *known)
    if entry["path"] is not None:
        source = Path(entry["path"])
        origin = _use_own(source, wanted, kind)
    elif entry["url"] is None:
        raise DataError(_by_hand(key, entry.get("globus")))
    else:
        source = folder / PurePosixPath(urlsplit(entry["url"]).path).name
        origin = whole.fetch(wanted, source, kind.check)
    whole.write_record(origin, record)
    put_in_place(source, file)
    logger.info("`%s`: in place, from `%s`", file, source)


def _use_own(path: Path, wanted: Wanted, kind: Kind) -> dict:
    if not path.is_file():
        raise DataError(
            f"`{path}` (key `{wanted.key}.path`): no such file. Correct the path, or set it to null to have "
            "the file fetched."
        )
    remedy = f"Correct `{wanted.key}.path`, or set it to null to have the file fetched."
    sha256 = whole.verify(path, wanted, kind.check, remedy)
    return {"path": str(path), "bytes": path.stat().st_size, "sha256": sha256}


def _by_hand(key: str, globus: dict | None) -> str:
    if globus is None:
        return f"`{key}`: no address is known. Fetch the file by hand and name it in `{key}.path`."
    place, name = f"{globus['endpoint']}:{globus['path']}", PurePosixPath(globus["path"]).name
    return (
        f"`{key}`: this file is on Globus alone, which needs a login. With Globus Connect Personal on this "
        "machine, transfer it in the Globus web app, or by its command line (pip install globus-cli):\n"
        "  globus login\n"
        f"  globus transfer {place} YOUR_ENDPOINT:/~/{name}\n"
        "and name it in your config file:\n"
        "  download:\n"
        "    files:\n"
        f"      {key.rpartition('.')[2]}:\n"
        f"        path: {name}"
    )


def put_in_place(source: Path, target: Path) -> None:
    """Give a file a second name without copying it: a symbolic link, else a hard one.

    Parameters
    ----------
    source : Path
    target : Path
        Replaced if it is there; left alone if it is the same file already.

    Notes
    -----
    Within the working directory the link is relative, so that the whole can be moved.

    Not the hard link first: Snakemake renews the time of a rule's outputs, which through a hard
    link is the time of the user's file, and every other run that uses it would start again.
    """
    if target.exists() and target.samefile(source):
        return
    with io.atomic_path(target) as part:
        try:
            part.symlink_to(_address(source.resolve(), target.parent.resolve()))
        except OSError:  # a file system without symbolic links
            os.link(source.resolve(), part)


def _address(source: Path, folder: Path) -> str:
    """Name a file from a folder, if both move together, else from the root."""
    here = Path.cwd()
    together = source.is_relative_to(here) and folder.is_relative_to(here)
    return os.path.relpath(source, folder) if together else str(source)
