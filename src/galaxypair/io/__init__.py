"""Reading and writing of the joint file, shards and tables: streamed in, atomic out.

With `ingest` and `download` this is the only place that opens data files.
"""

from galaxypair.io.arrays import read_arrays, write_arrays
from galaxypair.io.embeddings import Embeddings, EmbeddingsWriter, read_embeddings, unit
from galaxypair.io.files import atomic_path, open_hdf5, write_text
from galaxypair.io.frames import read_table, write_table
from galaxypair.io.gallery import read_gallery
from galaxypair.io.joint import JointBlock, check_joint, create_joint_group, iter_joint
from galaxypair.io.provabgs import provabgs_table, read_provabgs, write_provabgs, write_provabgs_blocks
from galaxypair.io.shards import iter_shards, read_galaxies, read_manifest, read_rows

__all__ = [
    "Embeddings",
    "EmbeddingsWriter",
    "JointBlock",
    "atomic_path",
    "check_joint",
    "create_joint_group",
    "iter_joint",
    "iter_shards",
    "open_hdf5",
    "provabgs_table",
    "read_arrays",
    "read_embeddings",
    "read_galaxies",
    "read_gallery",
    "read_manifest",
    "read_provabgs",
    "read_rows",
    "read_table",
    "unit",
    "write_arrays",
    "write_provabgs",
    "write_provabgs_blocks",
    "write_table",
    "write_text",
]
