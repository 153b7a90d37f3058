"""The table of embeddings: written batch by batch, read as arrays."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.frames import check_columns, readable


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
        # vectors have hardly two equal numbers: to look for them takes most of the time of writing
        self._writer = pq.ParquetWriter(path, self._schema, use_dictionary=["split"])

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


def embeddings_shape(path: Path) -> tuple[int, int]:
    """Read how many galaxies and dimensions `embeddings/{split}.parquet` has.

    Parameters
    ----------
    path : Path

    Returns
    -------
    rows, dim : int

    Raises
    ------
    DataError
        If the file is missing or damaged, or is no table of embeddings.
    """
    name = f"{tables.MODALITIES[0]}_embedding"
    with readable(path):
        schema = pq.read_schema(path)
        check_columns(path, [name], schema.names)
        return pq.read_metadata(path).num_rows, schema.field(name).type.list_size


def read_embeddings(path: Path) -> Embeddings:
    """Read `embeddings/{split}.parquet`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Embeddings

    Raises
    ------
    DataError
        If the file is missing or damaged, or its columns are not those of an embeddings table.
    """
    names = {kind: {m: f"{m}_embedding{kind}" for m in tables.MODALITIES} for kind in ("", "_unit")}
    vectors = [name for kind in names.values() for name in kind.values()]
    with readable(path):
        schema = pq.read_schema(path)
        check_columns(path, ["targetid", *vectors], schema.names)
        table = pq.read_table(path, columns=["targetid", *vectors])

    def matrix(name: str) -> np.ndarray:
        kind = schema.field(name).type
        if not pa.types.is_fixed_size_list(kind):
            raise DataError(
                f"`{path}`: column `{name}` is {kind}, expected fixed-size lists of float32. "
                "Write it with `galaxypair.io.EmbeddingsWriter`."
            )
        flat = table[name].combine_chunks().flatten().to_numpy()
        return flat.astype(np.float32, copy=False).reshape(-1, kind.list_size)

    return Embeddings(
        table["targetid"].to_numpy(), *({m: matrix(n) for m, n in kind.items()} for kind in names.values())
    )
