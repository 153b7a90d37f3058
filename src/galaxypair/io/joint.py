"""The joint image-spectrum file: checked, streamed block by block, allocated."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.files import open_hdf5

SPLITS = "splits"  # the optional dataset of a group, see `tables.JOINT_SPLITS`


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
    split : ndarray of shape (n,), uint8, or None
        Positions in `tables.JOINT_SPLITS`; None where the file has no such dataset.
    """

    group: str
    start: int
    images: np.ndarray
    spectra: np.ndarray
    z: np.ndarray
    targetid: np.ndarray
    split: np.ndarray | None = None


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
        groups = sorted((g for g in file if g.isdigit()), key=int)
        if not groups:
            raise DataError(
                f"`{path}`: no groups `0`...`9` (found {', '.join(file) or 'nothing'}). "
                "Not a joint image-spectrum file."
            )
        rows = {group: _check_group(path, group, file[group]) for group in groups}
    if not any(rows.values()):
        raise DataError(f"`{path}`: its groups hold no galaxy at all. Fetch or make the file again.")
    return rows


def _check_group(path: Path, group: str, node: h5py.Group) -> int:
    where = f"`{path}`: group `{group}`"
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
    if SPLITS in node:
        rows[SPLITS] = _check_splits(where, node[SPLITS])
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name} {n}" for name, n in rows.items())
        raise DataError(
            f"{where}: the datasets differ in their number of rows ({counts}). "
            "The file is damaged: fetch or make it again."
        )
    return rows["targetids"]


def _check_splits(where: str, data: h5py.Dataset) -> int:
    if data.ndim != 1 or data.dtype != np.uint8 or (data[:] >= len(tables.JOINT_SPLITS)).any():
        raise DataError(
            f"{where}, dataset `{SPLITS}`: expected shape (n,), uint8 and values below "
            f"{len(tables.JOINT_SPLITS)}, found {data.shape}, {data.dtype}. Remove it, or write it as "
            "`tables.JOINT_SPLITS` says."
        )
    return len(data)


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
                    split = node[SPLITS][rows_here] if SPLITS in node else None
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
                    split,
                )


def create_joint_group(
    file: h5py.File, group: str, rows: int, *, growing: bool = False, splits: bool = False
) -> h5py.Group:
    """Allocate one group of a joint file, to be filled by slices.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    group : str
    rows : int
    growing : bool, default=False
        One galaxy per chunk, so that the group can be resized, for sources that learn only on the
        way how many rows they have; else contiguous. Uncompressed either way.
    splits : bool, default=False
        Add the optional dataset `splits` (see `tables.JOINT_SPLITS`).

    Returns
    -------
    h5py.Group
        With the datasets of `tables.JOINT_DATASETS`.
    """
    node = file.create_group(group)
    datasets = tables.JOINT_DATASETS | ({SPLITS: ((), "u1")} if splits else {})
    for name, (shape, dtype) in datasets.items():
        chunks = {"maxshape": (None, *shape), "chunks": (1, *shape) if shape else (1024,)} if growing else {}
        node.create_dataset(name, (rows, *shape), dtype, **chunks)
    return node
