"""Use the published files: check those that the user has, or say how to fetch them."""

import logging
import os
from pathlib import Path

from galaxypair import io
from galaxypair.errors import DataError

logger = logging.getLogger(__name__)

PROVABGS_NEEDED = ("TARGETID", "RA", "DEC", "Z_HP", "PROVABGS_LOGMSTAR_BF")
SIZES = {"joint": "60 GB", "provabgs": "3 GB"}


def find_source(kind: str, path: str | None, url: str) -> Path:
    """Find a published file on this machine.

    Parameters
    ----------
    kind : {"joint", "provabgs"}
        Key under `download` in the config.
    path : str or None
        Where the user has the file.
    url : str
        Address to fetch it from.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If no path is set or no file is there; the message holds the commands to run.
    """
    if path is not None and Path(path).is_file():
        return Path(path)
    target = Path(path) if path is not None else Path("data") / url.rsplit("/", maxsplit=1)[-1]
    what = f"`{path}` (key `download.{kind}`): no such file." if path else f"`download.{kind}` is not set."
    raise DataError(
        f"{what} Fetch the file ({SIZES[kind]}; the same command goes on after an interruption):\n"
        f"  mkdir -p {target.parent}\n"
        f"  curl -L -C - -o {target} {url}\n"
        f"and set in your config file:\n"
        f"  download:\n"
        f"    {kind}: {target}"
    )


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


def put_in_place(source: Path, target: Path) -> None:
    """Give a file a second name without copying it: a symbolic link, else a hard one.

    Parameters
    ----------
    source : Path
    target : Path
        Replaced if it is there; left alone if it is the same file already.

    Notes
    -----
    Not the hard link first: Snakemake renews the time of a rule's outputs, which through a hard
    link is the time of the user's file, and every other run that uses it would start again.
    """
    if target.exists() and target.samefile(source):
        return
    with io.atomic_path(target) as part:
        try:
            part.symlink_to(source.resolve())
        except OSError:  # a file system without symbolic links
            os.link(source.resolve(), part)
