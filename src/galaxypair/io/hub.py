"""Data sets of the Hugging Face hub, or copies of them on disk: found by `datasets`, read block by block."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import datasets
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets.exceptions import DatasetNotFoundError
from datasets.packaged_modules.parquet.parquet import Parquet

from galaxypair.errors import DataError
from galaxypair.io.contained import check_files, check_saved

logger = logging.getLogger(__name__)

BLOCK_ROWS = 64  # 20 MB of cutouts and spectra
BUFFER_BYTES = 2**23  # asked from the hub at a time, per column
SAVED = ("dataset_dict.json", "dataset_info.json")  # of `save_to_disk`
_PART = re.compile(r"(\d+)-of-(\d+)")


@dataclass(frozen=True)
class HubSplit:
    """One split of a data set, not read yet.

    Attributes
    ----------
    features : datasets.Features
    rows : int
    blocks : iterator of pyarrow.Table
        `BLOCK_ROWS` rows or fewer each; can be gone through once.
    """

    features: datasets.Features
    rows: int
    blocks: Iterator[pa.Table]


def open_dataset(name: str, revision: str | None = None) -> dict[str, HubSplit]:
    """Open a data set for streaming; no row is read.

    Parameters
    ----------
    name : str
        Id on the hub (`owner/name`), a folder or glob of parquet files, or a folder of `save_to_disk`.
    revision : str, optional
        Branch, tag or commit of a data set on the hub.

    Returns
    -------
    dict of str to HubSplit
        By the names of its splits. A glob is one split, whatever the names of its files.

    Raises
    ------
    DataError
        If there is no such data set, it may not be read, needs a loading script or is damaged.
    """
    datasets.disable_progress_bars()
    for library in ("datasets", "huggingface_hub"):
        logging.getLogger(library).handlers.clear()  # the root's show each message, theirs would do so again
    with users_errors(name):
        if any((Path(name) / file).is_file() for file in SAVED):
            check_saved(Path(name))
            saved = datasets.load_from_disk(name)
            splits = saved if isinstance(saved, dict) else {"train": saved}
            return {str(split): _saved_split(table) for split, table in splits.items()}
        files = _find_files(name, revision)
        _warn_of_missing_parts(name, files)
        return {split: _parquet_split(name, found) for split, found in files.items()}


def _saved_split(saved: datasets.Dataset) -> HubSplit:
    return HubSplit(saved.features, len(saved), saved.with_format("arrow").iter(batch_size=BLOCK_ROWS))


def _find_files(name: str, revision: str | None) -> dict[str, list[str]]:
    """Let `datasets` find the parquet files of each split, by the data set's card or the files' names."""
    home = None  # a glob is the user's own
    if any(sign in name for sign in "*?["):
        builder = datasets.load_dataset_builder("parquet", data_files=name)
    elif Path(name).exists():
        home = str(Path(name).resolve())
        builder = datasets.load_dataset_builder(home)
    else:
        home = "hf://"
        builder = datasets.load_dataset_builder(name, revision=revision)
    if not isinstance(builder, Parquet):
        raise DataError(
            f"`{name}`: holds {type(builder).__name__} files, not parquet. Convert them "
            "(`datasets.load_dataset(...).to_parquet(...)`) and name the folder in `hub.dataset`."
        )
    found = {str(split): [str(file) for file in files] for split, files in builder.config.data_files.items()}
    if home:
        check_files(name, (file for files in found.values() for file in files), home)
    return found


def _parquet_split(name: str, files: list[str]) -> HubSplit:
    """Read the footers of all files, which tells of each whether it is there, whole, and like the others."""
    schema, rows = None, 0
    for file in files:
        with fsspec.open(file, "rb") as opened:
            footer = pq.ParquetFile(opened)
            schema = schema or footer.schema_arrow
            if not footer.schema_arrow.equals(schema):
                raise DataError(
                    f"`{name}`: the columns of {file} are others than those of {files[0]}. "
                    "Name a folder or glob of files that are alike."
                )
            rows += footer.metadata.num_rows
    return HubSplit(datasets.Features.from_arrow_schema(schema), rows, _parquet_blocks(files))


@contextmanager
def open_parquet(file: str) -> Iterator[pq.ParquetFile]:
    """Open a parquet file for streaming: `BUFFER_BYTES` at a time, not row groups, which may have any size.

    Parameters
    ----------
    file : str
        Path, or `hf://` address.

    Yields
    ------
    pyarrow.parquet.ParquetFile
    """
    system, path = fsspec.url_to_fs(file)
    with system.open(path, "rb", cache_type="none") as opened:
        yield pq.ParquetFile(opened, buffer_size=BUFFER_BYTES, pre_buffer=False)


def _parquet_blocks(files: list[str]) -> Iterator[pa.Table]:
    # Not the streams of `datasets`: they go through pyarrow.dataset, whose threads abort the interpreter
    # at its exit if a stream was left half-way, closed or not (apache/arrow issue 45214).
    for file in files:
        with open_parquet(file) as parquet:
            for batch in parquet.iter_batches(batch_size=BLOCK_ROWS):
                yield pa.Table.from_batches([batch])


def _warn_of_missing_parts(name: str, files: dict[str, list[str]]) -> None:
    for split, names in files.items():
        parts = [match for match in (_PART.search(Path(file).name) for file in names) if match]
        total = max((int(match[2]) for match in parts), default=0)
        if len({match[1] for match in parts}) < total:
            logger.warning(
                "%s, split %s: %d of the %d files that their names speak of are there. "
                "The galaxies of the others are missing.",
                name,
                split,
                len(parts),
                total,
            )


def iter_tables(name: str, split: HubSplit, max_rows: int | None) -> Iterator[pa.Table]:
    """Stream the rows of a split.

    Parameters
    ----------
    name : str
        Of the data set, for errors.
    split : HubSplit
    max_rows : int or None

    Yields
    ------
    pyarrow.Table
        `BLOCK_ROWS` rows or fewer.

    Raises
    ------
    DataError
        If the connection breaks for good, or a file is damaged.
    """
    left = split.rows if max_rows is None else min(max_rows, split.rows)
    while left > 0:
        with users_errors(name):
            table = next(split.blocks).slice(0, left)
        yield table
        left -= len(table)


def nested_values(column: pa.ChunkedArray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Turn a column of nested lists into one array.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of length n
        Nested lists of floats, or one of the array types of `datasets`.
    shape : tuple of int
        That each row should have.

    Returns
    -------
    values : ndarray of shape (n, *shape), float32
        NaN throughout where a row cannot be used.
    verdict : ndarray of shape (n,), str
        "", "absent" or "wrong_shape".
    """
    flat = column.combine_chunks()
    storage = getattr(flat, "storage", flat)
    values = np.full((len(column), *shape), np.nan, np.float32)
    verdict = np.full(len(column), "", "<U11")
    for i in range(len(column)):
        row = storage.slice(i, 1)
        if row.null_count:
            verdict[i] = "absent"
            continue
        for length in shape:
            fits = pa.types.is_nested(row.type) and np.all(_lengths(row) == length)
            row = row.flatten() if fits else None
            if row is None:
                break
        if row is None or pa.types.is_nested(row.type):
            verdict[i] = "wrong_shape"
        else:
            values[i] = row.to_numpy(zero_copy_only=False).reshape(shape)
    return values, verdict


def _lengths(lists: pa.Array) -> np.ndarray:
    lengths = lists.value_lengths()
    return lengths.fill_null(-1).to_numpy(zero_copy_only=False)


@contextmanager
def users_errors(name: str, key: str = "hub.dataset") -> Iterator[None]:
    """Turn what the hub and its libraries raise into errors that a user can act on.

    Parameters
    ----------
    name : str
        Of the data set.
    key : str, default="hub.dataset"
        Of the config, that names it.

    Raises
    ------
    DataError
    """
    try:
        yield
    except DataError:
        raise
    except Exception as err:
        message = _explain(name, key, err)
        if message is None:
            raise
        raise DataError(f"`{name}`: {message}") from err


def _explain(name: str, key: str, err: Exception) -> str | None:
    """Say what happened and what to do, for the errors that are known; the first case that fits counts."""
    text, kind = str(err), type(err).__name__
    status = getattr(getattr(err, "response", None), "status_code", None)
    cause = type(err.__cause__ or err.__context__).__name__  # the hub's file system wraps its errors
    library = type(err).__module__.partition(".")[0]
    cases = (
        (
            "gated" in text or cause == "GatedRepoError" or status in (401, 403),
            f"the hub refuses access ({kind}). Accept the data set's conditions on "
            f"https://huggingface.co/datasets/{name}, make a token at https://huggingface.co/settings/tokens "
            "and give it to the command: `export HF_TOKEN=...`.",
        ),
        (
            "scripts are no longer supported" in text,
            f"is read by a loading script, which `datasets` no longer runs. Name a copy in parquet in "
            f"`{key}`, or set `hub.revision: refs/convert/parquet` if the hub has converted it.",
        ),
        (
            "evision" in kind or "Revision" in text,
            "has no such revision. Check `hub.revision`: a branch, tag or commit of the data set.",
        ),
        (
            isinstance(err, DatasetNotFoundError)
            or not {kind, cause}.isdisjoint(("RepositoryNotFoundError", "HFValidationError")),
            f"no such data set on the hub, nor a folder here. Check `{key}`; a private one needs "
            "`export HF_TOKEN=...`.",
        ),
        (
            isinstance(err, ConnectionError | TimeoutError) or library.startswith(("httpx", "httpcore")),
            f"the hub cannot be reached ({kind}). Check the network (and HF_ENDPOINT, HF_HUB_OFFLINE, "
            "proxies), then run the same command again.",
        ),
        (
            isinstance(err, FileNotFoundError),
            f"holds no file that can be read ({text}). Name a folder or data set of parquet files.",
        ),
        (
            isinstance(err, OSError | pa.ArrowException),
            f"cannot be read ({kind}: {text}). The connection broke, or a file is incomplete: run the "
            "same command again; fetch files of your own again.",
        ),
    )
    return next((message for applies, message in cases if applies), None)
