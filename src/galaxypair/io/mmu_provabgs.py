"""The table `desi_provabgs` of the Multimodal Universe: parquet as on the hub, or HDF5 by HEALPix cell."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.files import open_hdf5
from galaxypair.io.frames import check_columns, readable

_COLUMNS = ("object_id", *tables.MMU_PROVABGS)


def read_mmu_provabgs(path: Path) -> pd.DataFrame:
    """Read the derived properties, and nothing of the posterior samples beside them.

    Parameters
    ----------
    path : Path
        A parquet or HDF5 file, or a folder that holds such files at whatever depth.

    Returns
    -------
    pandas.DataFrame
        `targetid`, once each (the first row counts), and the columns of `tables.MMU_PROVABGS` as float64.

    Raises
    ------
    DataError
        If there is no such file or a column is missing.
    """
    parts = list(_parts(path))
    frame = pd.concat(parts, ignore_index=True).rename(columns=tables.MMU_PROVABGS)
    try:  # as text on the hub: through a float the last digits would be lost
        frame["targetid"] = frame.pop("object_id").astype("int64")
    except ValueError as err:
        raise DataError(
            f"`{path}`: column object_id holds no TARGETIDs ({err}). Not the table `desi_provabgs`: check "
            "`crossmatch.mmu_provabgs` in the config."
        ) from err
    return frame.drop_duplicates("targetid", ignore_index=True)


def _parts(path: Path) -> Iterator[pd.DataFrame]:
    readers = {".parquet": _read_parquet, ".h5": _read_hdf5, ".hdf5": _read_hdf5}
    files = sorted(f for f in path.rglob("*") if f.suffix in readers) if path.is_dir() else [path]
    if not files or any(file.suffix not in readers for file in files):
        raise DataError(
            f"`{path}`: no file with a name in {', '.join(readers)}. Check `crossmatch.mmu_provabgs`."
        )
    for file in files:
        yield from readers[file.suffix](file)


def _read_parquet(path: Path) -> Iterator[pd.DataFrame]:
    with readable(path):
        file = pq.ParquetFile(path)
        check_columns(path, _COLUMNS, file.schema_arrow.names)
        for batch in file.iter_batches(columns=list(_COLUMNS)):
            numbers = {name: batch[name].to_numpy(zero_copy_only=False) for name in tables.MMU_PROVABGS}
            yield pd.DataFrame({"object_id": batch["object_id"].to_pandas()} | _as_floats(numbers))


def _read_hdf5(path: Path) -> Iterator[pd.DataFrame]:
    with open_hdf5(path) as file:
        check_columns(path, _COLUMNS, list(file))
        ids = file["object_id"]
        values = ids.asstr()[...] if h5py.check_string_dtype(ids.dtype) else ids[...]
        yield pd.DataFrame({"object_id": values} | _as_floats({n: file[n][...] for n in tables.MMU_PROVABGS}))


def _as_floats(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values.reshape(len(values)).astype(np.float64) for name, values in columns.items()}
