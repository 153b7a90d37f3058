"""The PROVABGS catalogue: an astropy table in HDF5."""

from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.files import atomic_path, open_hdf5


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


def read_provabgs(path: Path, block_rows: int = 4096) -> pd.DataFrame:
    """Read the scalar numeric columns of a PROVABGS file, row block by row block.

    Posterior samples (two-dimensional columns, most of the published 3 GB) are left on disk.

    Parameters
    ----------
    path : Path
    block_rows : int, default=4096

    Returns
    -------
    pandas.DataFrame
        Columns named as in `tables.PROVABGS_SCALARS`, further scalar columns in lower case.

    Raises
    ------
    DataError
        If the file has no `__astropy_table__` or lacks TARGETID.
    """
    with open_hdf5(path) as file:
        data = file.get(tables.PROVABGS_GROUP)
        if not isinstance(data, h5py.Dataset):
            raise DataError(
                f"`{path}`: no dataset `{tables.PROVABGS_GROUP}` (found {', '.join(file) or 'nothing'}). "
                "Not a PROVABGS catalogue: check `download.provabgs` in the config."
            )
        names = data.dtype.names or ()
        if "TARGETID" not in names:
            raise DataError(
                f"`{path}`: no column TARGETID (found {', '.join(names) or 'no columns'}). "
                "Not a PROVABGS catalogue: check `download.provabgs` in the config."
            )
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
    return pd.DataFrame(columns).rename(columns=lambda n: tables.PROVABGS_SCALARS.get(n, n.lower()))
