"""Data sets on disk that name their own files: these must lie in the data set's folder."""

import json
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from galaxypair.errors import DataError

_LISTS = ("dataset_dict.json", "state.json")  # of `save_to_disk`: names of splits, and of a split's files


def check_saved(folder: Path) -> None:
    """Check that a data set of `save_to_disk` reads nothing but its own files.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    DataError
        If one of its lists names something else than a file or folder beside it.
    """
    for path in sorted(found for name in _LISTS for found in folder.rglob(name)):
        told = json.loads(path.read_text(encoding="utf-8"))
        names = [*told.get("splits", []), *(file["filename"] for file in told.get("_data_files", []))]
        for name in names:
            if name in ("", "..") or PurePosixPath(name).name != name:
                raise _refusal(str(path), name)


def check_files(name: str, files: Iterable[str], home: str) -> None:
    """Check that the files that a data set's card names are its own.

    Parameters
    ----------
    name : str
        Of the data set, for messages.
    files : iterable of str
        Paths or addresses.
    home : str
        Folder (absolute), or the start of addresses. Links in a folder are the user's own and are followed.

    Raises
    ------
    DataError
    """
    for file in files:
        if "://" in home:
            inside = file.startswith(home)
        else:
            inside = "://" not in file and Path(os.path.normpath(file)).is_relative_to(home)
        if not inside:
            raise _refusal(name, file)


def _refusal(where: str, name: str) -> DataError:
    return DataError(
        f"`{where}`: names the file `{name}`, which is outside the data set; that is not followed. Take the "
        "data set from a source that you trust, or put the file into its folder."
    )
