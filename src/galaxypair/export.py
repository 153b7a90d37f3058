"""Pass a run's galaxies or embeddings on: a folder that the `datasets` library loads, with a data card."""

import logging
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from datasets import Array2D, Array3D, Dataset, DatasetDict, DatasetInfo, Features, List, Value
from datasets.arrow_writer import ArrowWriter
from datasets.info import DatasetInfosDict
from datasets.utils.logging import disable_progress_bar

from galaxypair import io, tables
from galaxypair.data_card import data_card
from galaxypair.errors import DataError
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)

BATCH_ROWS = 128
SHARD_BYTES = 500_000_000  # of the files that the folder holds
Batches = Iterator[Mapping[str, np.ndarray]]


def galaxy_features(crop_px: int) -> Features:
    """Columns of an exported set of galaxies: those of the published set, whose images are larger.

    Parameters
    ----------
    crop_px : int

    Returns
    -------
    datasets.Features
    """
    return Features(
        {
            "image": Array3D((crop_px, crop_px, 3), "float32"),
            "spectrum": Array2D((tables.N_WAVELENGTH, 1), "float32"),
            "redshift": Value("float32"),
            "targetid": Value("int64"),
            "has_image": Value("bool"),
            "has_spectrum": Value("bool"),
        }
    )


def embedding_features(dim: int) -> Features:
    """Columns of exported embeddings: those that `source: embeddings` reads.

    Parameters
    ----------
    dim : int

    Returns
    -------
    datasets.Features
    """
    vectors = {f"{modality}_embedding": List(Value("float32"), length=dim) for modality in tables.MODALITIES}
    return Features({"targetid": Value("int64"), "z": Value("float32"), **vectors})


def iter_galaxies(manifest: dict, split: str) -> Batches:
    """Stream the galaxies of a split out of the shards.

    Parameters
    ----------
    manifest : dict
        From `io.read_manifest`.
    split : str

    Yields
    ------
    mapping of str to ndarray
        Columns of `galaxy_features`.
    """
    columns = ["image", "spectrum", "z", "targetid", "has_image", "has_spectrum"]
    for batch in io.iter_shards(manifest, columns, split=split, batch_rows=BATCH_ROWS):
        batch["redshift"] = batch.pop("z")
        yield batch | {"spectrum": batch["spectrum"][:, :, None]}


def iter_embeddings(path: Path, ledger: pd.DataFrame) -> Batches:
    """Stream a table of embeddings, with the redshifts of the ledger.

    Parameters
    ----------
    path : Path
        `embeddings/{split}.parquet`.
    ledger : pandas.DataFrame
        targetid, z, kept.

    Yields
    ------
    mapping of str to ndarray
        Columns of `embedding_features`.
    """
    z = ledger[ledger["kept"]].set_index("targetid")["z"]
    names = ["targetid", *(f"{modality}_embedding" for modality in tables.MODALITIES)]
    with io.open_columns(path) as file:
        for batch in file.blocks(names, 4096):
            yield batch | {"z": z.loc[batch["targetid"]].to_numpy(np.float32)}


def export(
    folder: Path, splits: Mapping[str, tuple[int, Iterable[Mapping]]], features: Features, settings: Mapping
) -> None:
    """Write a folder that `datasets.load_from_disk` and `datasets.load_dataset` both load.

    Parameters
    ----------
    folder : Path
        Must not exist. Gets the splits as Arrow files, the same as parquet in `data/`, and README.md.
    splits : mapping of str to (int, iterable of mapping)
        Name to number of rows and their batches; splits without rows are left out.
    features : datasets.Features
    settings : mapping
        For the card: sections of the configuration that shaped the set.

    Raises
    ------
    DataError
        If the folder is there already, or there is no row.
    """
    disable_progress_bar()
    rows = {name: n for name, (n, _) in splits.items() if n}
    if not rows:
        raise DataError(f"`{folder}`: no galaxy to export. Look at dataset/ledger.parquet for the reasons.")
    with io.atomic_folder(folder) as part:
        cache, made = part / ".cache", {}
        cache.mkdir()
        progress = Progress(sum(rows.values()))
        for name in rows:
            made[name] = _write_arrow(cache / f"{name}.arrow", splits[name][1], features, progress)
        DatasetDict(made).save_to_disk(part, max_shard_size=SHARD_BYTES)
        (part / "data").mkdir()
        for name, dataset in made.items():
            _write_parquet(dataset, part / "data", name)
        what = "galaxies" if "image" in features else "embeddings"
        text = data_card(what, settings, rows, {k: str(v) for k, v in features.items()}, str(folder))
        (part / "README.md").write_text(text, encoding="utf-8")
        DatasetInfosDict({"default": DatasetInfo(features=features)}).write_to_directory(part)
        made.clear()  # some systems do not remove files that are still mapped
        shutil.rmtree(cache)
    logger.info("%s galaxies exported to %s", f"{progress.done:,}", folder)


def _write_arrow(path: Path, batches: Iterable[Mapping], features: Features, progress: Progress) -> Dataset:
    with ArrowWriter(features=features, path=str(path)) as writer:
        for batch in batches:
            writer.write_batch({name: batch[name] for name in features})
            progress.update(len(batch["targetid"]))
        writer.finalize()
    return Dataset.from_file(str(path))


def _write_parquet(dataset: Dataset, folder: Path, name: str) -> None:
    n = math.ceil(dataset.data.nbytes / SHARD_BYTES)
    for i in range(n):
        shard = dataset.shard(n, i, contiguous=True)
        shard.to_parquet(folder / f"{name}-{i:05d}-of-{n:05d}.parquet", batch_size=BATCH_ROWS)
