"""Reading and writing of the joint file, shards and tables: streamed in, atomic out.

With `ingest` and `fetch` this is the only place that opens data files.
"""

from galaxypair.io.arrays import read_arrays, write_arrays
from galaxypair.io.columns import ColumnFile, open_columns
from galaxypair.io.embeddings import Embeddings, EmbeddingsWriter, embeddings_shape, read_embeddings, unit
from galaxypair.io.files import (
    atomic_folder,
    atomic_path,
    new_hdf5,
    open_hdf5,
    scratch_folder,
    sha256,
    write_text,
)
from galaxypair.io.frames import read_table, write_parts, write_table
from galaxypair.io.gallery import read_gallery
from galaxypair.io.joint import (
    JointBlock,
    check_joint,
    create_joint_group,
    iter_joint,
    iter_joint_rows,
    joint_chunk_rows,
    joint_rows,
    read_joint_rows,
    read_joint_targetids,
)
from galaxypair.io.locks import alone
from galaxypair.io.mmu_provabgs import read_mmu_provabgs
from galaxypair.io.npz import NpzFile
from galaxypair.io.prefetch import prefetch
from galaxypair.io.provabgs import (
    iter_provabgs_rows,
    provabgs_table,
    read_positions,
    read_provabgs,
    read_provabgs_rows,
    write_posteriors,
    write_provabgs,
    write_provabgs_blocks,
)
from galaxypair.io.rows import RowFile
from galaxypair.io.shards import iter_shards, read_galaxies, read_manifest, read_shard_rows

__all__ = [
    "ColumnFile",
    "Embeddings",
    "EmbeddingsWriter",
    "JointBlock",
    "NpzFile",
    "RowFile",
    "alone",
    "atomic_folder",
    "atomic_path",
    "check_joint",
    "create_joint_group",
    "embeddings_shape",
    "iter_joint",
    "iter_joint_rows",
    "iter_provabgs_rows",
    "iter_shards",
    "joint_chunk_rows",
    "joint_rows",
    "new_hdf5",
    "open_columns",
    "open_hdf5",
    "prefetch",
    "provabgs_table",
    "read_arrays",
    "read_embeddings",
    "read_galaxies",
    "read_gallery",
    "read_joint_rows",
    "read_joint_targetids",
    "read_manifest",
    "read_mmu_provabgs",
    "read_positions",
    "read_provabgs",
    "read_provabgs_rows",
    "read_shard_rows",
    "read_table",
    "scratch_folder",
    "sha256",
    "unit",
    "write_arrays",
    "write_parts",
    "write_posteriors",
    "write_provabgs",
    "write_provabgs_blocks",
    "write_table",
    "write_text",
]
