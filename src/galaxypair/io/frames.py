"""Tables as parquet or CSV."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from galaxypair.errors import DataError
from galaxypair.io.files import atomic_path

TEXT = {"id": str}  # a user's own names: 007 is no 7
_KINDS = {"targetid": ("iu", "whole numbers"), "kept": ("b", "true or false")}  # NaN makes them floats


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


def write_parts(frames: Iterable[pd.DataFrame], path: Path) -> None:
    """Write a table that comes in parts, of which one at a time is in memory.

    Parameters
    ----------
    frames : iterable of pandas.DataFrame
        With the same columns and types; at least one, which may be empty.
    path : Path
        `.parquet`.
    """
    frames = iter(frames)
    first = pa.Table.from_pandas(next(frames), preserve_index=False)
    with atomic_path(path) as part, pq.ParquetWriter(part, first.schema) as writer:
        writer.write_table(first)
        for frame in frames:
            writer.write_table(pa.Table.from_pandas(frame, schema=first.schema, preserve_index=False))


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

    Raises
    ------
    DataError
        If the file is missing, cannot be read as a table or lacks a column, or a column that all
        tables are joined or cut by is of another type.
    """
    wanted = list(columns) if columns is not None else None
    with readable(path):
        if path.suffix == ".parquet":
            check_columns(path, wanted or [], pq.read_schema(path).names)
            frame = pd.read_parquet(path, columns=wanted)
        else:
            check_columns(path, wanted or [], list(pd.read_csv(path, nrows=0).columns))
            frame = pd.read_csv(path, usecols=wanted, dtype=TEXT)
    for name, (kinds, expected) in _KINDS.items():
        if len(frame) and name in frame and frame[name].dtype.kind not in kinds:
            raise DataError(
                f"`{path}`: column `{name}` is {frame[name].dtype}, expected {expected}. "
                f"Write the table again with that column converted: `{frame[name].iloc[0]}` is none."
            )
    return frame


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the readers of tables raise into errors that a user can act on.

    Parameters
    ----------
    path : Path
        File that the block reads.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        yield
    except FileNotFoundError as err:
        raise DataError(
            f"`{path}`: no such file. If a rule writes it: `snakemake --cores all {path}`, "
            "with the config of its run."
        ) from err
    except (OSError, pa.ArrowInvalid, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError) as err:
        raise DataError(
            f"`{path}`: cannot be read as a {path.suffix[1:]} table ({err}). It is incomplete or damaged: "
            "fetch it again, or make it again (if a rule of the workflow wrote it: "
            f"your command with `--forcerun {path}` added)."
        ) from err


def check_columns(path: Path, wanted: Sequence[str], found: Sequence[str]) -> None:
    """Refuse a table that lacks a column.

    Parameters
    ----------
    path : Path
    wanted, found : sequence of str

    Raises
    ------
    DataError
        Naming the first column that is missing, and those that are there.
    """
    missing = [c for c in wanted if c not in found]
    if missing:
        raise DataError(
            f"`{path}`: no column `{missing[0]}` (found {', '.join(found)}). "
            "Not the table that this stage reads: check where the path comes from."
        )
