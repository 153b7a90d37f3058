"""Named arrays in one HDF5 file: shards, gallery, stellar library, truth of the mock survey."""

from pathlib import Path
from typing import Literal

import numpy as np

from galaxypair.io.files import new_hdf5, open_hdf5


def write_arrays(
    path: Path, arrays: dict[str, np.ndarray], *, compression: Literal["gzip"] | None = None
) -> None:
    """Write arrays as the datasets of one HDF5 file, contiguous and uncompressed unless asked.

    Parameters
    ----------
    path : Path
    arrays : dict of str to ndarray
        Structured arrays become tables that `astropy.table.Table.read` understands.
    compression : {"gzip"}, optional
        For small files that are kept or passed on rather than streamed.
    """
    with new_hdf5(path) as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression=compression, shuffle=compression is not None)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all datasets of a file written by `write_arrays`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    with open_hdf5(path) as file:
        return {name: file[name][...] for name in file}
