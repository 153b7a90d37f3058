"""Reading and writing of the joint file, shards and tables: streamed in, atomic out.

With `ingest` and `download` this is the only module that opens data files.
"""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from galaxypair import tables
from galaxypair.errors import DataError

logger = logging.getLogger(__name__)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` only if the block succeeds.

    A killed job leaves no half-written file under the final name.

    Parameters
    ----------
    path : Path
        Final name; its folder is made if need be.

    Yields
    ------
    Path
        Name to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


# --- joint file ----------------------------------------------------------------------------------


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


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading, with an error that a user can act on.

    Parameters
    ----------
    path : Path

    Returns
    -------
    h5py.File

    Raises
    ------
    DataError
        If the file is missing, truncated or no HDF5 file.
    """
    if not path.exists():
        raise DataError(f"`{path}`: no such file. Check the path in the config.")
    try:
        return h5py.File(path, "r")
    except OSError as err:
        raise DataError(
            f"`{path}`: cannot be opened as HDF5 ({err}). It is incomplete or damaged: "
            "fetch or make it again (`snakemake --forcerun` with the rule that writes it)."
        ) from err


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
        If a group, dataset, shape or dtype is not that of the joint layout (facts in `tables`).
    """
    with open_hdf5(path) as file:
        groups = sorted((g for g in file if g.isdigit()), key=int)
        if not groups:
            raise DataError(
                f"`{path}`: no groups `0`...`9` (found {', '.join(file) or 'nothing'}). "
                "Not a joint image-spectrum file."
            )
        return {group: _check_group(path, group, file[group]) for group in groups}


def _check_group(path: Path, group: str, node: h5py.Group) -> int:
    where = f"`{path}`: group `{group}`"
    rows = None
    for name, (shape, dtype) in tables.JOINT_DATASETS.items():
        if name not in node:
            raise DataError(
                f"{where} has no dataset `{name}` (found {', '.join(node)}). Not the joint layout, "
                "or an incomplete file: fetch or make it again."
            )
        data = node[name]
        allowed = {shape, shape[:1]} if name == "spectra" else {shape}
        if data.shape[1:] not in allowed:
            raise DataError(
                f"{where}, dataset `{name}`: expected rows of shape {shape}, found {data.shape[1:]}."
            )
        if np.dtype(dtype).kind != data.dtype.kind:
            raise DataError(f"{where}, dataset `{name}`: expected {dtype}, found {data.dtype}.")
        rows = len(data) if rows is None else rows
        if len(data) != rows:
            raise DataError(
                f"{where}: `{name}` has {len(data)} rows, but the first dataset has {rows}. "
                "The file is damaged: fetch or make it again."
            )
    return rows or 0


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


# --- PROVABGS ------------------------------------------------------------------------------------


def write_provabgs(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Write a catalogue in the layout of the published PROVABGS file.

    Parameters
    ----------
    path : Path
    columns : dict of str to ndarray of shape (n, ...)
        Column names as in the published file.
    """
    fields = [(k, v.dtype, v.shape[1:]) for k, v in columns.items()]
    table = np.empty(len(next(iter(columns.values()))), dtype=fields)
    for name, values in columns.items():
        table[name] = values
    with atomic_path(path) as part, h5py.File(part, "w") as file:
        file.create_dataset(tables.PROVABGS_GROUP, data=table)


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
        if tables.PROVABGS_GROUP not in file:
            raise DataError(
                f"`{path}`: no dataset `{tables.PROVABGS_GROUP}` (found {', '.join(file)}). "
                "Not a PROVABGS catalogue."
            )
        data = file[tables.PROVABGS_GROUP]
        if "TARGETID" not in (data.dtype.names or ()):
            raise DataError(f"`{path}`: no column TARGETID. Not a PROVABGS catalogue.")
        scalars = [n for n in data.dtype.names if data.dtype[n].kind in "fiub" and not data.dtype[n].shape]
        blocks = [data[i : i + block_rows][scalars] for i in range(0, len(data), block_rows)]
        table = np.concatenate(blocks) if blocks else np.empty(0, data.dtype)[scalars]
    frame = pd.DataFrame({n: np.ascontiguousarray(table[n]) for n in scalars})
    return frame.rename(columns=lambda n: tables.PROVABGS_SCALARS.get(n, n.lower()))


# --- shards --------------------------------------------------------------------------------------


def write_shard(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Write one shard: uncompressed, contiguous HDF5.

    Parameters
    ----------
    path : Path
    columns : dict of str to ndarray of shape (n, ...)
        As listed in `tables`.
    """
    with atomic_path(path) as part, h5py.File(part, "w") as file:
        for name, values in columns.items():
            file.create_dataset(name, data=values)


def read_manifest(path: Path) -> dict:
    """Read a dataset's manifest and check that its shards are there.

    Parameters
    ----------
    path : Path
        `dataset/manifest.json`.

    Returns
    -------
    dict
        As written, with `paths` (list of Path) added.

    Raises
    ------
    DataError
        If a shard is missing.
    """
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["paths"] = [path.parent / shard["name"] for shard in manifest["shards"]]
    for shard in manifest["paths"]:
        if not shard.exists():
            raise DataError(
                f"`{shard}`: missing, though `{path}` lists it. "
                "Make it again with `snakemake --cores all --forcerun preprocess`."
            )
    return manifest


def iter_shards(
    manifest: dict, columns: Sequence[str], *, split: str | None = None, batch_rows: int = 256
) -> Iterator[dict[str, np.ndarray]]:
    """Stream the rows of all shards in order, a batch at a time.

    Parameters
    ----------
    manifest : dict
        From `read_manifest`.
    columns : sequence of str
        Datasets to read.
    split : {"train", "val", "test"}, optional
        Only rows of this split.
    batch_rows : int, default=256
        Rows read at a time; batches of one split hold at most that many.

    Yields
    ------
    dict of str to ndarray
    """
    for path in manifest["paths"]:
        with open_hdf5(path) as file:
            codes = file["split"][:]
            wanted = np.ones(len(codes), bool) if split is None else codes == tables.SPLITS.index(split)
            for start in range(0, len(codes), batch_rows):
                keep = wanted[start : start + batch_rows]
                if keep.any():
                    yield {c: file[c][start : start + batch_rows][keep] for c in columns}


# --- gallery --------------------------------------------------------------------------------------


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
                "again with `snakemake --cores 1 --forcerun gallery`."
            )
        rows, back = np.unique(np.array([row_of[int(t)] for t in wanted], np.int64), return_inverse=True)
        read = {name: file[name][rows][back] for name in ("z", "image", "spectrum")}
    return {"targetid": wanted, **read}


def write_text(text: str, path: Path) -> None:
    """Write a text file, UTF-8.

    Parameters
    ----------
    text : str
    path : Path
    """
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


# --- tables --------------------------------------------------------------------------------------


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as parquet or CSV, by its suffix.

    Parameters
    ----------
    frame : pandas.DataFrame
    path : Path
        `.parquet` or `.csv`.
    """
    with atomic_path(path) as part:
        if path.suffix == ".parquet":
            frame.to_parquet(part, index=False)
        else:
            frame.to_csv(part, index=False)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table written by `write_table`.

    Parameters
    ----------
    path : Path
        `.parquet` or `.csv`.
    columns : sequence of str, optional
        Columns to read.

    Returns
    -------
    pandas.DataFrame
    """
    if path.suffix == ".parquet":
        return pd.read_parquet(path, columns=list(columns) if columns else None)
    return pd.read_csv(path, usecols=list(columns) if columns else None)


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of one split.

    Attributes
    ----------
    targetid : ndarray of shape (n,), int64
    raw : dict of modality to ndarray of shape (n, d), float32
        As the model gives them; NaN where a galaxy lacks the modality.
    unit : dict of modality to ndarray of shape (n, d), float32
        L2-normalised.
    """

    targetid: np.ndarray
    raw: dict[str, np.ndarray]
    unit: dict[str, np.ndarray]


class EmbeddingsWriter:
    """Write `embeddings/{split}.parquet` batch by batch.

    Parameters
    ----------
    path : Path
        Temporary name from `atomic_path`.
    split : str
    dim : int
        Length of an embedding.
    """

    def __init__(self, path: Path, split: str, dim: int) -> None:
        vector = pa.list_(pa.float32(), dim)
        names = [f"{m}_embedding{kind}" for m in tables.MODALITIES for kind in ("", "_unit")]
        self._schema = pa.schema(
            [("targetid", pa.int64()), ("split", pa.string()), *((n, vector) for n in names)]
        )
        self._split, self._dim = split, dim
        self._writer = pq.ParquetWriter(path, self._schema)

    def __enter__(self) -> "EmbeddingsWriter":
        return self

    def __exit__(self, *exc: object) -> None:
        self._writer.close()

    def write(self, targetid: np.ndarray, raw: dict[str, np.ndarray]) -> None:
        """Append galaxies.

        Parameters
        ----------
        targetid : ndarray of shape (n,), int64
        raw : dict of modality to ndarray of shape (n, d), float32
        """
        columns = [pa.array(targetid, pa.int64()), pa.array([self._split] * len(targetid), pa.string())]
        for modality in tables.MODALITIES:
            vectors = raw[modality].astype(np.float32)
            for values in (vectors, unit(vectors)):
                flat = pa.array(values.reshape(-1), pa.float32())
                columns.append(pa.FixedSizeListArray.from_arrays(flat, self._dim))
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))


def unit(vectors: np.ndarray) -> np.ndarray:
    """L2-normalise the rows of a matrix.

    Parameters
    ----------
    vectors : ndarray of shape (n, d)

    Returns
    -------
    ndarray of shape (n, d)
    """
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def read_embeddings(path: Path) -> Embeddings:
    """Read `embeddings/{split}.parquet`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Embeddings
    """
    table = pq.read_table(path)

    def matrix(name: str) -> np.ndarray:
        dim = table.schema.field(name).type.list_size
        chunks = [chunk.flatten().to_numpy() for chunk in table[name].chunks]
        flat = np.concatenate(chunks) if chunks else np.empty(0, np.float32)
        return flat.reshape(-1, dim)

    return Embeddings(
        table["targetid"].to_numpy(),
        {m: matrix(f"{m}_embedding") for m in tables.MODALITIES},
        {m: matrix(f"{m}_embedding_unit") for m in tables.MODALITIES},
    )
