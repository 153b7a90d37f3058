"""The PROVABGS catalogue: an astropy table in HDF5."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.files import atomic_path, open_hdf5

logger = logging.getLogger(__name__)


def write_provabgs(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Write a catalogue in the layout of the published PROVABGS file.

    Parameters
    ----------
    path : Path
    columns : dict of str to ndarray of shape (n, ...)
        Column names as in the published file.
    """
    write_provabgs_blocks(path, [columns], len(next(iter(columns.values()))))


def write_provabgs_blocks(path: Path, blocks: Iterable[dict[str, np.ndarray]], rows: int) -> None:
    """Write a catalogue in the layout of the published PROVABGS file, block by block.

    Parameters
    ----------
    path : Path
    blocks : iterable of dict of str to ndarray of shape (n, ...)
        At least one; all with the same columns.
    rows : int
        Sum of the blocks' lengths.
    """
    start = 0
    with atomic_path(path) as part, h5py.File(part, "w") as file:
        for columns in blocks:
            fields = [(k, v.dtype, v.shape[1:]) for k, v in columns.items()]
            table = np.empty(len(next(iter(columns.values()))), dtype=fields)
            for name, values in columns.items():
                table[name] = values
            data = file.require_dataset(tables.PROVABGS_GROUP, (rows,), table.dtype)
            data[start : start + len(table)] = table
            start += len(table)


def provabgs_table(path: Path, file: h5py.File, needed: Sequence[str]) -> h5py.Dataset:
    """Find the table of a PROVABGS file and check its columns, by the header alone.

    Parameters
    ----------
    path : Path
        Named in errors.
    file : h5py.File
    needed : sequence of str
        Columns that the table must hold, as numbers; TARGETID as integers.

    Returns
    -------
    h5py.Dataset

    Raises
    ------
    DataError
        If there is no table, or a column is missing, holds something else or stands twice.
    """
    remedy = "Not a PROVABGS catalogue: check `download.files.provabgs` in the config."
    data = file.get(tables.PROVABGS_GROUP)
    if not isinstance(data, h5py.Dataset):
        raise DataError(
            f"`{path}`: no dataset `{tables.PROVABGS_GROUP}` (found {', '.join(file) or 'nothing'}). {remedy}"
        )
    names = data.dtype.names or ()
    missing = [name for name in needed if name not in names]
    if missing:
        raise DataError(
            f"`{path}`: no column {', '.join(missing)} (found {', '.join(names) or 'no columns'}). {remedy}"
        )
    for name in needed:
        kinds, expected = ("iu", "integers") if name == "TARGETID" else ("fiu", "numbers")
        if data.dtype[name].kind not in kinds:
            raise DataError(
                f"`{path}`: column {name} is {data.dtype[name]}, expected {expected}. "
                "Write the table again with that column converted."
            )
    ours = Counter(_our_name(name) for name in names)
    double = [name for name in names if ours[_our_name(name)] > 1]
    if double:
        raise DataError(
            f"`{path}`: the columns {', '.join(double)} are one once names are in lower case. "
            "Rename or remove all but one of them."
        )
    return data


def read_provabgs(
    path: Path, *, needed: Sequence[str] = ("TARGETID",), block_rows: int = 4096
) -> pd.DataFrame:
    """Read the scalar numeric columns of a PROVABGS file, row block by row block.

    Posterior samples (two-dimensional columns, most of the published 3 GB) are left on disk.

    Parameters
    ----------
    path : Path
    needed : sequence of str, default=("TARGETID",)
        Columns of the file without which it is refused.
    block_rows : int, default=4096

    Returns
    -------
    pandas.DataFrame
        Columns named as in `tables.PROVABGS_SCALARS`, further scalar columns in lower case. Where
        RA and DEC are no position on the sky (placeholders such as -999), both are NaN.

    Raises
    ------
    DataError
        If the file has no `__astropy_table__`, or a column that is needed is missing or no number.
    """
    with open_hdf5(path) as file:
        data = provabgs_table(path, file, needed)
        names = data.dtype.names
        scalars = [n for n in names if data.dtype[n].kind in "fiub" and not data.dtype[n].shape]
        columns = {n: np.empty(len(data), data.dtype[n].newbyteorder("=")) for n in scalars}
        for start in range(0, len(data), block_rows):
            try:
                block = data.fields(scalars)[start : start + block_rows]
            except OSError as err:
                raise DataError(
                    f"`{path}`: rows {start} onwards cannot be read ({err}). "
                    "The file is incomplete or damaged: fetch it again."
                ) from err
            for name, values in columns.items():
                values[start : start + block_rows] = block[name]
    return _without_false_positions(pd.DataFrame(columns).rename(columns=_our_name))


def _our_name(name: str) -> str:
    return tables.PROVABGS_SCALARS.get(name, name.lower())


def _without_false_positions(frame: pd.DataFrame) -> pd.DataFrame:
    if {"ra", "dec"} <= set(frame.columns):
        place = frame["ra"].between(-180, 360) & frame["dec"].between(-90, 90)
        if not place.all():
            logger.warning("%s rows of PROVABGS have no position on the sky.", f"{(~place).sum():,}")
            frame[["ra", "dec"]] = frame[["ra", "dec"]].where(place)
    return frame
