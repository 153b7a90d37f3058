"""Data sets of the Hugging Face hub, or copies of them on disk, streamed through `datasets`."""

import logging
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
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

logger = logging.getLogger(__name__)

BATCH_ROWS = 64  # 20 MB of cutouts and spectra
SAVED = ("dataset_dict.json", "dataset_info.json")  # of `save_to_disk`
_PART = re.compile(r"(\d+)-of-(\d+)")


@dataclass(frozen=True)
class HubSplit:
    """One split of a data set, not read yet.

    Attributes
    ----------
    stream : datasets.IterableDataset
    features : datasets.Features
    rows : int
    """

    stream: datasets.IterableDataset
    features: datasets.Features
    rows: int


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
    with users_errors(name):
        datasets.disable_progress_bars()
        if (Path(name) / SAVED[0]).is_file() or (Path(name) / SAVED[1]).is_file():
            return _open_saved(name)
        if any(sign in name for sign in "*?["):
            builder = datasets.load_dataset_builder("parquet", data_files=name)
        elif Path(name).exists():
            builder = datasets.load_dataset_builder(str(Path(name).resolve()))
        else:
            builder = datasets.load_dataset_builder(name, revision=revision)
        if not isinstance(builder, Parquet):
            raise DataError(
                f"`{name}`: holds {type(builder).__name__} files, not parquet. Convert them "
                "(`datasets.load_dataset(...).to_parquet(...)`) and name the folder in `hub.dataset`."
            )
        builder.config.batch_size = BATCH_ROWS  # the default is a whole row group
        files = {split: [str(file) for file in found] for split, found in builder.config.data_files.items()}
        streams = builder.as_streaming_dataset()
        _warn_of_missing_parts(name, files)
        return {
            split: HubSplit(stream, stream.features, _count_rows(files[split]))
            for split, stream in streams.items()
        }


def _open_saved(name: str) -> dict[str, HubSplit]:
    saved = datasets.load_from_disk(name)
    if not isinstance(saved, dict):
        saved = {"train": saved}
    return {
        split: HubSplit(table.to_iterable_dataset(), table.features, len(table))
        for split, table in saved.items()
    }


def _count_rows(files: list[str]) -> int:
    """Rows by the footers of the files, which also tells of each whether it is there and whole."""
    rows = 0
    for file in files:
        with fsspec.open(file, "rb") as opened:
            rows += pq.read_metadata(opened).num_rows
    return rows


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
        `BATCH_ROWS` rows or fewer.

    Raises
    ------
    DataError
        If the connection breaks for good, or a file is damaged.
    """
    left = split.rows if max_rows is None else min(max_rows, split.rows)
    # A reader of parquet that is left half-way lives on to the end of the interpreter, where Arrow's
    # threads abort the process after all work is done (apache/arrow issue 45214): close it here.
    with closing(split.stream.with_format("arrow").iter(batch_size=BATCH_ROWS)) as tables:
        while left > 0:
            with users_errors(name):
                table = next(tables, None)
            if table is None:
                raise DataError(f"`{name}`: ended {left} rows early. Run the same command again.")
            yield table.slice(0, left)
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
def users_errors(name: str) -> Iterator[None]:
    """Turn what the hub and its libraries raise into errors that a user can act on.

    Parameters
    ----------
    name : str
        Of the data set.

    Raises
    ------
    DataError
    """
    try:
        yield
    except DataError:
        raise
    except Exception as err:
        message = _explain(name, err)
        if message is None:
            raise
        raise DataError(f"`{name}`: {message}") from err


def _explain(name: str, err: Exception) -> str | None:
    """Say what happened and what to do, for the errors that are known; the first case that fits counts."""
    text, kind = str(err), type(err).__name__
    status = getattr(getattr(err, "response", None), "status_code", None)
    library = type(err).__module__.partition(".")[0]
    cases = (
        (
            "gated" in text or status in (401, 403),
            f"the hub refuses access ({kind}). Accept the data set's conditions on "
            f"https://huggingface.co/datasets/{name}, make a token at https://huggingface.co/settings/tokens "
            "and give it to the command: `export HF_TOKEN=...`.",
        ),
        (
            "scripts are no longer supported" in text,
            "is read by a loading script, which `datasets` no longer runs. Name a copy in parquet in "
            "`hub.dataset`, or set `hub.revision: refs/convert/parquet` if the hub has converted it.",
        ),
        (
            "evision" in kind or "Revision" in text,
            "has no such revision. Check `hub.revision`: a branch, tag or commit of the data set.",
        ),
        (
            isinstance(err, DatasetNotFoundError) or kind in ("RepositoryNotFoundError", "HFValidationError"),
            "no such data set on the hub, nor a folder here. Check `hub.dataset`; a private one needs "
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
