"""Shards of the dataset and the manifest that lists them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.rows import RowFile, read_rows


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
    filled, batch = 0, {}
    for path in manifest["paths"]:
        with RowFile(path) as shard:
            rows = _rows_of(shard, path, columns, split)
            while len(rows):
                if not filled:
                    batch = {c: shard.empty(c, batch_rows) for c in columns}
                here, rows = rows[: batch_rows - filled], rows[batch_rows - filled :]
                for column, values in batch.items():
                    shard.read_into(column, here, values[filled : filled + len(here)])
                filled = (filled + len(here)) % batch_rows
                if not filled:
                    yield batch
    if filled:
        yield {c: values[:filled] for c, values in batch.items()}


def _rows_of(shard: RowFile, path: Path, columns: Sequence[str], split: str | None) -> np.ndarray:
    missing = [c for c in ("split", *columns) if c not in shard.file]
    if missing:
        raise DataError(
            f"`{path}`: no dataset `{missing[0]}` (found {', '.join(shard.file)}). "
            "Make it again: your command with `--forcerun preprocess` added."
        )
    codes = shard.file["split"][:]
    return np.arange(len(codes)) if split is None else np.flatnonzero(codes == tables.SPLITS.index(split))


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
        with RowFile(path) as shard:
            rows = np.flatnonzero(np.isin(shard.file["targetid"][:], wanted))
            parts.append(read_rows(shard, columns, rows))
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
        with RowFile(manifest["paths"][number]) as shard:
            parts.append(read_rows(shard, columns, here))
    return {c: np.concatenate([part[c] for part in parts]) for c in columns}
