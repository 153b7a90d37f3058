"""The PROVABGS catalogue: an astropy table in HDF5."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.files import new_hdf5, open_hdf5
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)

PLACEHOLDER = -999.0  # of a value that the fit or the photometry did not give
_MASK = ".mask"


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
    with new_hdf5(path) as file:
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
            f"`{path}`: the columns {', '.join(double)} are one once names are in lower case "
            "(and `_catalogue` stands behind those of the ledger). Rename or remove all but one of them."
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
        Columns named as in `tables.PROVABGS_SCALARS`, further scalar columns in lower case; one called
        like a column of the ledger (`tables.LEDGER_IN_PROPERTIES`) is renamed to `{name}_catalogue`.
        NaN where the file masks a value or holds a placeholder of -999, and for both of RA and DEC
        where they are no position on the sky. The index counts the rows of the file.

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
            block = _read_block(path, data, scalars, slice(start, start + block_rows))
            for name, values in columns.items():
                values[start : start + block_rows] = block[name]
    known = _without_unknown(columns)
    return _without_false_positions(pd.DataFrame(known).rename(columns=_our_name))


def read_positions(path: Path | None) -> pd.DataFrame:
    """Read where the targets of a PROVABGS file lie on the sky.

    Parameters
    ----------
    path : Path or None
        None: no position is known.

    Returns
    -------
    pandas.DataFrame
        targetid, ra and dec [deg], NaN where they are unknown.

    Raises
    ------
    DataError
        If the file is not a PROVABGS file.
    """
    if path is None:
        return pd.DataFrame({"targetid": np.empty(0, np.int64), "ra": np.empty(0), "dec": np.empty(0)})
    return read_provabgs(path, needed=("TARGETID", "RA", "DEC"))[["targetid", "ra", "dec"]]


def iter_provabgs_rows(
    path: Path, columns: Sequence[str], rows: np.ndarray, block_rows: int = 1024
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Stream some rows of a PROVABGS file, columns of posterior samples included, in the file's order.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Names as in the file.
    rows : ndarray of shape (n,), int
        Row numbers, in any order.
    block_rows : int, default=1024
        Rows of the file held in memory at a time (12 kB each with all columns).

    Yields
    ------
    position : ndarray of shape (m,), int
        Where in `rows` these rows stand.
    values : structured ndarray of shape (m,)

    Raises
    ------
    DataError
        If a column is missing or the file cannot be read.
    """
    order = np.argsort(rows, kind="stable")
    wanted = np.asarray(rows)[order]
    with open_hdf5(path) as file:
        data = _posteriors_table(path, file, columns)
        for start in range(0, len(data), block_rows):
            low, high = np.searchsorted(wanted, [start, start + block_rows])
            if low < high:
                block = _read_block(path, data, columns, slice(start, start + block_rows))
                yield order[low:high], block[wanted[low:high] - start]


def read_provabgs_rows(path: Path, column: str, rows: np.ndarray) -> np.ndarray:
    """Read one column of some rows of a PROVABGS file, posterior samples included.

    Parameters
    ----------
    path : Path
    column : str
        Name as in the file.
    rows : ndarray of shape (n,), int
        Row numbers, in any order.

    Returns
    -------
    ndarray of shape (n, ...)
        In the order of `rows`.

    Raises
    ------
    DataError
        If the column is missing or the file cannot be read.
    """
    with open_hdf5(path) as file:
        field = _posteriors_table(path, file, [column]).dtype[column]
    values = np.empty((len(rows), *field.shape), field.base.newbyteorder("="))
    for position, block in iter_provabgs_rows(path, [column], rows):
        values[position] = block[column]
    return values


def write_posteriors(path: Path, provabgs: Path, rows: np.ndarray) -> None:
    """Copy the posteriors of some rows of a PROVABGS file, block by block.

    Parameters
    ----------
    path : Path
        Gets `targetid` and the datasets of `tables.PROVABGS_POSTERIORS`, in the order of the catalogue.
    provabgs : Path
    rows : ndarray of shape (n,), int
        Row numbers in the catalogue.

    Raises
    ------
    DataError
        If the catalogue holds no posteriors.
    """
    names = {"TARGETID": "targetid", **tables.PROVABGS_POSTERIORS}
    with open_hdf5(provabgs) as source:
        fields = _posteriors_table(provabgs, source, names).dtype
    with new_hdf5(path) as file:
        for theirs, ours in names.items():
            field = fields[theirs]
            file.create_dataset(ours, (len(rows), *field.shape), field.base.newbyteorder("="))
        progress = Progress(len(rows))
        for _, block in iter_provabgs_rows(provabgs, list(names), rows):
            here = slice(progress.done, progress.done + len(block))
            for theirs, ours in names.items():
                file[ours][here] = block[theirs]
            progress.update(len(block))


def _posteriors_table(path: Path, file: h5py.File, columns: Iterable[str]) -> h5py.Dataset:
    data = provabgs_table(path, file, ["TARGETID"])
    missing = [name for name in columns if name not in data.dtype.names]
    if missing:
        raise DataError(
            f"`{path}`: no column {', '.join(missing)} (found {', '.join(data.dtype.names)}). "
            "The catalogue holds no posteriors: take the published one."
        )
    return data


def _read_block(path: Path, data: h5py.Dataset, columns: Sequence[str], rows: slice) -> np.ndarray:
    try:
        return data.fields(list(columns))[rows]
    except OSError as err:
        raise DataError(
            f"`{path}`: rows {rows.start} onwards cannot be read ({err}). "
            "The file is incomplete or damaged: fetch it again."
        ) from err


def _our_name(name: str) -> str:
    ours = tables.PROVABGS_SCALARS.get(name, name.lower())
    return f"{ours}_catalogue" if ours in tables.LEDGER_IN_PROPERTIES else ours


def _without_unknown(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """NaN for placeholders and masked values; astropy keeps the mask of X as a column X.mask."""
    known = {}
    for name, values in columns.items():
        if name.endswith(_MASK) and name.removesuffix(_MASK) in columns:
            continue
        unknown = np.zeros(len(values), bool)
        if name != "TARGETID":  # which no float can hold
            unknown = columns.get(name + _MASK, unknown)
        if values.dtype.kind == "f":
            unknown = unknown | (values == PLACEHOLDER)
        known[name] = np.where(unknown, np.nan, values) if unknown.any() else values
    return known


def _without_false_positions(frame: pd.DataFrame) -> pd.DataFrame:
    if {"ra", "dec"} <= set(frame.columns):
        place = frame["ra"].between(-180, 360) & frame["dec"].between(-90, 90)
        if not place.all():
            logger.warning("%s rows of PROVABGS have no position on the sky.", f"{(~place).sum():,}")
            frame[["ra", "dec"]] = frame[["ra", "dec"]].where(place)
    return frame
