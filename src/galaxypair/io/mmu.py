"""Files of the Multimodal Universe: its HDF5 tree, or parquet on disk and on the Hugging Face hub."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galaxypair.errors import DataError
from galaxypair.io.files import open_hdf5
from galaxypair.io.hub import open_parquet, users_errors

BLOCK_ROWS = 64
BASE_URL = "https://users.flatironinstitute.org/~polymathic/data/MultimodalUniverse/v1"
HDF5 = (".hdf5", ".h5")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def find_files(name: str, key: str) -> list[str]:
    """List the files of a data set.

    Parameters
    ----------
    name : str
        A folder with HDF5 files (`healpix=N/001-of-001.hdf5`) or parquet files below it, or the id of
        a data set in parquet on the hub (`owner/name`).
    key : str
        Of the config, for errors.

    Returns
    -------
    list of str
        Paths and `hf://` addresses, sorted.

    Raises
    ------
    DataError
        If there is no such folder or data set, or no file in it.
    """
    if not Path(name).is_dir() and not _HUB_ID.fullmatch(name):
        kept, _, dataset = name.strip("/").rpartition("/v1/")
        dataset = dataset if kept else "DATASET/CONFIG"
        raise DataError(
            f"`{name}`: no such folder (key `{key}`). Fetch the sky cells that you want, each by\n"
            f"  wget -r -np -nH --cut-dirs=2 -A '*.hdf5,*.h5' {BASE_URL}/{dataset}/healpix=N/\n"
            "which makes the folder MultimodalUniverse/v1 where you are,\n"
            "or name a data set in parquet on the Hugging Face hub (`owner/name`)."
        )
    root = name if Path(name).is_dir() else f"hf://datasets/{name}"
    with users_errors(name, key):
        system, folder = fsspec.url_to_fs(root)
        folder = _main_table(system, folder)
        names = sorted(system.find(folder))
    found = [path for path in names if path.endswith((*HDF5, ".parquet"))]
    # catalogues in HATS hold further parquet files beside those of their cells
    cells = [path for path in found if "Npix=" in path]
    if not found:
        raise DataError(f"`{name}`: holds no HDF5 or parquet file. Check the key `{key}`.")
    return [system.unstrip_protocol(path) if root.startswith("hf:") else path for path in cells or found]


def _main_table(system: fsspec.AbstractFileSystem, folder: str) -> str:
    """Folder of the table itself: a HATS collection holds also copies of the galaxies at cell borders."""
    properties = f"{folder}/collection.properties"
    if not system.exists(properties):
        return folder
    text = system.cat_file(properties).decode("utf-8")
    main = re.search(r"^hats_primary_table_url\s*=\s*(\S+)", text, flags=re.MULTILINE)
    if main and (".." in PurePosixPath(main[1]).parts or re.match(r"/|\w+:", main[1])):
        raise DataError(
            f"`{properties}`: names the table `{main[1]}`, which is outside its folder; that is not "
            "followed. Name the folder of the table itself."
        )
    return f"{folder}/{main[1]}" if main else folder


def read_columns(
    file: str, needed: Sequence[str], optional: Sequence[str] = (), *, key: str
) -> dict[str, np.ndarray]:
    """Read scalar columns of all rows of a file.

    Parameters
    ----------
    file : str
    needed, optional : sequence of str
    key : str
        Of the config, for errors.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Strings as str; optional columns that the file lacks are left out.

    Raises
    ------
    DataError
        If a column is missing or the file damaged.
    """
    if file.endswith(HDF5):
        with open_hdf5(Path(file)) as opened:
            names = _known(file, needed, optional, list(opened), key)
            columns = {name: opened[name][:] for name in names}
            return {name: _strings(values.reshape(len(values))) for name, values in columns.items()}
    with users_errors(file, key), open_parquet(file) as parquet:
        names = _known(file, needed, optional, parquet.schema_arrow.names, key)
        table = parquet.read(columns=names)
        return {name: table.column(name).to_numpy() for name in names}


def _known(
    file: str, needed: Sequence[str], optional: Sequence[str], found: Sequence[str], key: str
) -> list[str]:
    missing = [name for name in needed if name not in found]
    if missing:
        previews = (
            " The previews of the Multimodal Universe on the hub hold no positions: use its HDF5 files, or "
            "copies that have them (UniverseTBD/mmu_desi_edr_sv3 and others of that owner)."
        )
        raise DataError(
            f"`{file}`: no column {', '.join(missing)} (found {', '.join(found)}). Check the key `{key}`."
            + (previews if {"ra", "dec"} & set(missing) else "")
        )
    return [*needed, *(name for name in optional if name in found)]


def iter_rows(
    file: str, rows: np.ndarray, group: str, fields: dict[str, tuple[str, ...]], *, key: str
) -> Iterator[tuple[np.ndarray, dict[str, list[np.ndarray]]]]:
    """Read arrays of some rows of a file, block by block.

    Parameters
    ----------
    file : str
    rows : ndarray of int64
        Wanted rows, rising.
    group : str
        `image` or `spectrum`: parquet has a column of that name with nested fields, HDF5 datasets
        called `{group}_{field}`.
    fields : dict of str to tuple of str
        Our name of each field, and the names that it has in files.
    key : str
        Of the config, for errors.

    Yields
    ------
    rows : ndarray of int64
        Those of this block.
    values : dict of str to list of ndarray
        One array per row and field.

    Raises
    ------
    DataError
        If a field is missing or the file damaged.
    """
    reader = _iter_hdf5 if file.endswith(HDF5) else _iter_parquet
    with users_errors(file, key):
        yield from reader(file, rows, group, fields, key)


def _choose(file: str, fields: dict[str, tuple[str, ...]], found: Sequence[str], key: str) -> dict[str, str]:
    chosen = {ours: next((n for n in names if n in found), None) for ours, names in fields.items()}
    missing = [" or ".join(fields[ours]) for ours, name in chosen.items() if name is None]
    if missing:
        raise DataError(
            f"`{file}`: no {', '.join(missing)} (found {', '.join(found)}). Check the key `{key}`."
        )
    return chosen


def _iter_hdf5(
    file: str, rows: np.ndarray, group: str, fields: dict[str, tuple[str, ...]], key: str
) -> Iterator[tuple[np.ndarray, dict[str, list[np.ndarray]]]]:
    with open_hdf5(Path(file)) as opened:
        fields = {ours: tuple(f"{group}_{name}" for name in names) for ours, names in fields.items()}
        chosen = _choose(file, fields, list(opened), key)
        for start in range(0, len(rows), BLOCK_ROWS):
            block = rows[start : start + BLOCK_ROWS]
            yield block, {ours: list(_strings(opened[name][block])) for ours, name in chosen.items()}


def _strings(values: np.ndarray) -> np.ndarray:
    return np.char.decode(values.astype("S")) if values.dtype.kind in "SO" else values


def _iter_parquet(
    file: str, rows: np.ndarray, group: str, fields: dict[str, tuple[str, ...]], key: str
) -> Iterator[tuple[np.ndarray, dict[str, list[np.ndarray]]]]:
    """Read the row groups that hold wanted rows, and of them the fields asked for."""
    with open_parquet(file) as parquet:
        kind = parquet.schema_arrow.field(group).type if group in parquet.schema_arrow.names else pa.null()
        struct = kind if pa.types.is_struct(kind) else getattr(kind, "value_type", pa.struct([]))
        found = [struct.field(i).name for i in range(struct.num_fields)]
        chosen = _choose(file, fields, found, key)
        nested = [f"{group}.{name}" for name in chosen.values()] if struct is kind else [group]
        first = 0
        for number in range(parquet.num_row_groups):
            last = first + parquet.metadata.row_group(number).num_rows
            if np.searchsorted(rows, first) < np.searchsorted(rows, last):
                for batch in parquet.iter_batches(BLOCK_ROWS, row_groups=[number], columns=nested):
                    block = rows[np.searchsorted(rows, first) : np.searchsorted(rows, first + len(batch))]
                    column = batch.column(group).take(pa.array(block - first))
                    if len(block):
                        yield block, {ours: _field(column, name) for ours, name in chosen.items()}
                    first += len(batch)
            first = last


def _field(column: pa.Array, name: str) -> list[np.ndarray]:
    """One array per row of a field, be it a list in a struct or a struct in a list."""
    if pa.types.is_struct(column.type):
        return [_array(row.values) for row in column.field(name)]
    return [_array(row.values.field(name)) if row.is_valid else np.empty(0) for row in column]


def _array(lists: pa.Array | None) -> np.ndarray:
    """Turn nested lists into an array; those of different lengths stay flat."""
    if lists is None:
        return np.empty(0)
    shape, even = [len(lists)], True
    while pa.types.is_nested((lists := getattr(lists, "storage", lists)).type):
        lengths = np.unique(pc.list_value_length(lists).fill_null(-1))
        even &= len(lengths) == 1 and lengths[0] >= 0
        shape.append(int(lengths[0]) if len(lengths) else 0)
        lists = lists.flatten()
    flat = lists.to_numpy(zero_copy_only=False)
    return flat.reshape(shape) if even else flat
