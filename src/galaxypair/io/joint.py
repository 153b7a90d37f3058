"""The joint image-spectrum file: checked, streamed block by block, allocated."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.files import open_hdf5


@dataclass(frozen=True)
class JointBlock:
    """Some consecutive rows of one group of a joint file.

    Attributes
    ----------
    group : str
    start : int
        Row in the group of the first galaxy.
    images : ndarray of shape (n, 152, 152, 3), float32 [nanomaggies / pixel]
    spectra : ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
    z : ndarray of shape (n,), float32
    targetid : ndarray of shape (n,), int64
    """

    group: str
    start: int
    images: np.ndarray
    spectra: np.ndarray
    z: np.ndarray
    targetid: np.ndarray


def check_joint(path: Path) -> dict[str, int]:
    """Check the layout of a joint file and count its rows.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to int
        Rows of each group, in the order of the file's group numbers.

    Raises
    ------
    DataError
        If a group, dataset, shape or dtype is not that of the joint layout (facts in `tables`), or
        there is no galaxy.
    """
    with open_hdf5(path) as file:
        return joint_rows(path, file)


def joint_rows(name: Path | str, file: h5py.File) -> dict[str, int]:
    """Check the layout of an open joint file and count its rows, by the headers alone.

    Parameters
    ----------
    name : Path or str
        Path or address of the file, for errors.
    file : h5py.File

    Returns
    -------
    dict of str to int
        Rows of each group, in the order of the file's group numbers.

    Raises
    ------
    DataError
        As `check_joint`.
    """
    groups = sorted((g for g in file if g.isdigit()), key=int)
    if not groups:
        raise DataError(
            f"`{name}`: no groups `0`...`9` (found {', '.join(file) or 'nothing'}). "
            "Not a joint image-spectrum file."
        )
    rows = {group: _check_group(name, group, file[group]) for group in groups}
    if not any(rows.values()):
        raise DataError(f"`{name}`: its groups hold no galaxy at all. Fetch or make the file again.")
    return rows


def _check_group(file_name: Path | str, group: str, node: h5py.Group) -> int:
    where = f"`{file_name}`: group `{group}`"
    rows = {}
    for name, (shape, dtype) in tables.JOINT_DATASETS.items():
        data = node.get(name) if isinstance(node, h5py.Group) else None
        if not isinstance(data, h5py.Dataset):
            found = ", ".join(node) if isinstance(node, h5py.Group) else "no group, but a dataset"
            raise DataError(
                f"{where} has no dataset `{name}` (found {found or 'nothing'}). Not the joint layout, "
                "or an incomplete file: fetch or make it again."
            )
        allowed = {shape, shape[:1]} if name == "spectra" else {shape}
        if data.ndim == 0 or data.shape[1:] not in allowed:
            raise DataError(
                f"{where}, dataset `{name}`: expected shape (n{''.join(f', {m}' for m in shape)}), "
                f"found {data.shape}. Not the joint layout: write it as `tables.JOINT_DATASETS` says."
            )
        if np.dtype(dtype).kind != data.dtype.kind:
            raise DataError(
                f"{where}, dataset `{name}`: expected {np.dtype(dtype)}, found {data.dtype}. "
                "Not the joint layout: write it as `tables.JOINT_DATASETS` says."
            )
        rows[name] = len(data)
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name} {n}" for name, n in rows.items())
        raise DataError(
            f"{where}: the datasets differ in their number of rows ({counts}). "
            "The file is damaged: fetch or make it again."
        )
    return rows["targetids"]


def iter_joint(path: Path, block_rows: int = 256) -> Iterator[JointBlock]:
    """Stream a joint file block by block, in the order of the file.

    Parameters
    ----------
    path : Path
    block_rows : int, default=256
        Rows held in memory at a time (0.3 MB each).

    Yields
    ------
    JointBlock

    Raises
    ------
    DataError
        If a block cannot be read (truncated file) or the layout is wrong.
    """
    counts = check_joint(path)
    with open_hdf5(path) as file:
        for group, rows in counts.items():
            node = file[group]
            for start in range(0, rows, block_rows):
                rows_here = slice(start, min(start + block_rows, rows))
                try:
                    data = {name: node[name][rows_here] for name in tables.JOINT_DATASETS}
                except OSError as err:
                    raise DataError(
                        f"`{path}`: group `{group}`, rows {start} onwards cannot be read ({err}). "
                        "The file is incomplete or damaged: fetch or make it again."
                    ) from err
                yield JointBlock(
                    group,
                    start,
                    data["images"].astype(np.float32, copy=False),
                    data["spectra"].reshape(len(data["spectra"]), -1).astype(np.float32, copy=False),
                    data["redshifts"].astype(np.float32, copy=False),
                    data["targetids"].astype(np.int64, copy=False),
                )


def create_joint_group(file: h5py.File, group: str, rows: int) -> h5py.Group:
    """Allocate one group of a joint file: contiguous, uncompressed, to be filled by slices.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    group : str
    rows : int

    Returns
    -------
    h5py.Group
        With the datasets of `tables.JOINT_DATASETS`.
    """
    node = file.create_group(group)
    for name, (shape, dtype) in tables.JOINT_DATASETS.items():
        node.create_dataset(name, (rows, *shape), dtype)
    return node
