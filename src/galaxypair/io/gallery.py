"""The small file of cutouts and spectra that figures show."""

from pathlib import Path

import numpy as np

from galaxypair.errors import DataError
from galaxypair.io.files import open_hdf5


def read_gallery(path: Path, targetid: np.ndarray) -> dict[str, np.ndarray]:
    """Read some galaxies of `gallery/gallery.h5`, in the order asked for.

    Parameters
    ----------
    path : Path
    targetid : ndarray of shape (n,), int64
        May repeat.

    Returns
    -------
    dict of str to ndarray
        `targetid`, `z`, `image` and `spectrum`, see `tables`.

    Raises
    ------
    DataError
        If a galaxy is not in the gallery.
    """
    wanted = np.asarray(targetid, np.int64)
    with open_hdf5(path) as file:
        row_of = {int(t): row for row, t in enumerate(file["targetid"][:])}
        missing = [int(t) for t in wanted if int(t) not in row_of]
        if missing:
            raise DataError(
                f"`{path}`: {len(missing)} of the {len(wanted)} galaxies asked for are not in it "
                f"(first: TARGETID {missing[0]}). It belongs to other tables than these: make it "
                "again: your command with `--forcerun gallery` added."
            )
        rows, back = np.unique(np.array([row_of[int(t)] for t in wanted], np.int64), return_inverse=True)
        read = {name: file[name][rows][back] for name in ("z", "image", "spectrum")}
    return {"targetid": wanted, **read}
