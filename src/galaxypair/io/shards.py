"""Shards of the dataset and the manifest that lists them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.files import open_hdf5


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
        If the manifest or a shard is missing, or the manifest damaged.
    """
    if not path.is_file():
        raise DataError(
            f"`{path}`: no such file. Make the dataset first: `snakemake --cores all {path}`, with "
            "the config of its run."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["paths"] = [path.parent / shard["name"] for shard in manifest["shards"]]
    except (ValueError, KeyError, TypeError) as err:
        raise DataError(
            f"`{path}`: is no manifest of shards ({type(err).__name__}: {err}). Make it again: your command "
            "with `--forcerun preprocess` added."
        ) from err
    for shard in manifest["paths"]:
        if not shard.exists():
            raise DataError(
                f"`{shard}`: missing, though `{path}` lists it. "
                "Make it again: your command with `--forcerun preprocess` added."
            )
    return manifest


def read_rows(file: h5py.File, columns: Sequence[str], rows: slice | np.ndarray) -> dict[str, np.ndarray]:
    """Read rows of an open shard; images and spectra as float32, whatever they are stored as.

    Parameters
    ----------
    file : h5py.File
    columns : sequence of str
    rows : slice or ndarray of int
        Ascending.

    Returns
    -------
    dict of str to ndarray
    """
    read = {c: file[c][rows] for c in columns}
    return {c: v.astype(np.float32) if v.dtype == np.float16 else v for c, v in read.items()}


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
        Rows of every batch but the last: changing sizes would make torch keep buffers for each.

    Yields
    ------
    dict of str to ndarray

    Raises
    ------
    DataError
        If a shard is damaged or lacks a column.
    """
    pending: list[dict[str, np.ndarray]] = []
    waiting = 0
    for part in _iter_parts(manifest["paths"], columns, split, batch_rows):
        pending.append(part)
        waiting += len(part[columns[0]])
        while waiting >= batch_rows:
            joined = {c: np.concatenate([p[c] for p in pending]) for c in columns}
            yield {c: values[:batch_rows] for c, values in joined.items()}
            pending = [{c: values[batch_rows:] for c, values in joined.items()}]
            waiting -= batch_rows
    if waiting:
        yield {c: np.concatenate([p[c] for p in pending]) for c in columns}


def _iter_parts(
    paths: list[Path], columns: Sequence[str], split: str | None, batch_rows: int
) -> Iterator[dict[str, np.ndarray]]:
    for path in paths:
        with open_hdf5(path) as file:
            missing = [c for c in ("split", *columns) if c not in file]
            if missing:
                raise DataError(
                    f"`{path}`: no dataset `{missing[0]}` (found {', '.join(file)}). "
                    "Make it again: your command with `--forcerun preprocess` added."
                )
            codes = file["split"][:]
            wanted = np.ones(len(codes), bool) if split is None else codes == tables.SPLITS.index(split)
            for start in range(0, len(codes), batch_rows):
                keep = wanted[start : start + batch_rows]
                if keep.any():
                    yield {
                        c: values[keep]
                        for c, values in read_rows(file, columns, slice(start, start + batch_rows)).items()
                    }


def read_galaxies(manifest: dict, targetid: np.ndarray, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Read some galaxies from the shards; only their rows are read.

    Parameters
    ----------
    manifest : dict
        From `read_manifest`.
    targetid : ndarray, int64
        Galaxies wanted; repeats do not matter.
    columns : sequence of str
        Datasets to read.

    Returns
    -------
    dict of str to ndarray
        One row per galaxy, in the order of the shards.

    Raises
    ------
    DataError
        If a galaxy is in no shard.
    """
    wanted, parts = np.unique(targetid), []
    for path in manifest["paths"]:
        with open_hdf5(path) as file:
            rows = np.flatnonzero(np.isin(file["targetid"][:], wanted))
            parts.append(read_rows(file, columns, rows))
    found = {c: np.concatenate([part[c] for part in parts]) for c in columns}
    n_found = len(found[columns[0]])
    if n_found != len(wanted):
        raise DataError(
            f"`{manifest['paths'][0].parent}`: the shards hold {n_found} of {len(wanted)} galaxies wanted. "
            "Tables and shards come from different data: make them again: your command "
            "with `--forcerun preprocess` added."
        )
    return found


def read_shard_rows(manifest: dict, rows: np.ndarray, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Read some rows of the dataset; only they are read.

    Parameters
    ----------
    manifest : dict
        From `read_manifest`.
    rows : ndarray, int64
        Counted over all shards, rising, each once.
    columns : sequence of str
        Datasets to read.

    Returns
    -------
    dict of str to ndarray
    """
    ends = np.cumsum([shard["rows"] for shard in manifest["shards"]])
    parts = []
    for number in np.unique(np.searchsorted(ends, rows, side="right")):
        start = ends[number] - manifest["shards"][number]["rows"]
        here = rows[(rows >= start) & (rows < ends[number])] - start
        with open_hdf5(manifest["paths"][number]) as file:
            parts.append(read_rows(file, columns, here))
    return {c: np.concatenate([part[c] for part in parts]) for c in columns}
