"""The joint image-spectrum file: checked, streamed block by block, allocated."""

from collections.abc import Iterator
from contextlib import contextmanager
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
    """Some rows of one group of a joint file.

    Attributes
    ----------
    group : str
    index : ndarray of shape (n,), int64
        Rows in the group, ascending.
    images : ndarray of shape (n, 152, 152, 3), float32 [nanomaggies / pixel]
    spectra : ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
    z : ndarray of shape (n,), float32
    targetid : ndarray of shape (n,), int64
    split : ndarray of shape (n,), uint8, or None
        Positions in `tables.JOINT_SPLITS`; None where the file has no such dataset.
    """

    group: str
    index: np.ndarray
    images: np.ndarray
    spectra: np.ndarray
    z: np.ndarray
    targetid: np.ndarray
    split: np.ndarray | None = None

    def pieces(self, rows: int) -> Iterator["JointBlock"]:
        """Cut the block into smaller ones, without copying.

        Parameters
        ----------
        rows : int

        Yields
        ------
        JointBlock
        """
        columns = (self.index, self.images, self.spectra, self.z, self.targetid, self.split)
        for start in range(0, len(self.index), rows):
            part = slice(start, start + rows)
            yield JointBlock(self.group, *(None if v is None else v[part] for v in columns))


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
    absent = sorted({str(i) for i in range(int(groups[-1]))} - set(groups), key=int)
    if absent:
        raise DataError(
            f"`{name}`: group `{absent[0]}` is missing (found {', '.join(groups)}). "
            "The file is incomplete: fetch or make it again."
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


def joint_chunk_rows(node: h5py.Group) -> int:
    """Tell how many rows share a chunk of the file, to read them together.

    Parameters
    ----------
    node : h5py.Group
        A group of a joint file.

    Returns
    -------
    int
        1 for contiguous data, as the published file is thought to be.
    """
    return max((node[name].chunks or (1,))[0] for name in ("images", "spectra"))


def read_joint_targetids(path: Path, group: str) -> np.ndarray:
    """Read the TARGETIDs of a group.

    Parameters
    ----------
    path : Path
        Its layout must have been checked.
    group : str

    Returns
    -------
    ndarray of shape (n,), int64

    Raises
    ------
    DataError
        If they cannot be read.
    """
    with open_hdf5(path) as file, _named(path, group, 0):
        return file[group]["targetids"][:].astype(np.int64, copy=False)


def read_joint_rows(path: Path, group: str, index: np.ndarray) -> JointBlock:
    """Read single rows, wherever they lie in a group.

    Parameters
    ----------
    path : Path
    group : str
    index : ndarray of shape (n,), int64
        Ascending.

    Returns
    -------
    JointBlock

    Raises
    ------
    DataError
        If a row cannot be read.
    """
    with open_hdf5(path) as file, _named(path, group, index[0]):
        read = {name: np.stack([file[group][name][i] for i in index.tolist()]) for name in _read(file[group])}
    return _block(group, index, read)


def iter_joint(path: Path, block_rows: int = 64) -> Iterator[JointBlock]:
    """Stream a joint file block by block, in the order of the file.

    Parameters
    ----------
    path : Path
    block_rows : int, default=64
        Rows held in memory at a time (0.3 MB each).

    Yields
    ------
    JointBlock

    Raises
    ------
    DataError
        If a block cannot be read (truncated file) or the layout is wrong.
    """
    for group, rows in check_joint(path).items():
        yield from iter_joint_rows(path, group, 0, rows, block_rows)


def iter_joint_rows(
    path: Path, group: str, start: int, stop: int, block_rows: int = 64
) -> Iterator[JointBlock]:
    """Stream consecutive rows of one group block by block.

    Parameters
    ----------
    path : Path
        Its layout must have been checked.
    group : str
    start, stop : int
    block_rows : int, default=64
        Rows read at a time; take whole chunks (`joint_chunk_rows`), or they are unpacked repeatedly.

    Yields
    ------
    JointBlock

    Raises
    ------
    DataError
        If a block cannot be read.
    """
    with open_hdf5(path) as file:
        for first in range(start, stop, block_rows):
            rows = slice(first, min(first + block_rows, stop))
            with _named(path, group, first):
                data = {name: file[group][name][rows] for name in _read(file[group])}
            yield _block(group, np.arange(rows.start, rows.stop), data)


@contextmanager
def _named(path: Path, group: str, first: int) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise DataError(
            f"`{path}`: group `{group}`, rows {first} onwards cannot be read ({err}). "
            "The file is incomplete or damaged: fetch or make it again."
        ) from err


def _read(node: h5py.Group) -> list[str]:
    return [*tables.JOINT_DATASETS, *([SPLITS] if SPLITS in node else [])]


def _block(group: str, index: np.ndarray, data: dict[str, np.ndarray]) -> JointBlock:
    return JointBlock(
        group,
        index,
        data["images"].astype(np.float32, copy=False),
        data["spectra"].reshape(len(index), -1).astype(np.float32, copy=False),
        data["redshifts"].astype(np.float32, copy=False),
        data["targetids"].astype(np.int64, copy=False),
        data.get(SPLITS),
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
