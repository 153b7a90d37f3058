"""Named arrays in one HDF5 file: stellar library, truth of the mock survey."""

from pathlib import Path

import h5py
import numpy as np

from galaxypair.io.files import atomic_path, open_hdf5


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays as the datasets of one HDF5 file.

    Parameters
    ----------
    path : Path
    arrays : dict of str to ndarray
        Structured arrays become tables that `astropy.table.Table.read` understands.
    """
    with atomic_path(path) as part, h5py.File(part, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values)


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
