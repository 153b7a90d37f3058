"""Galaxies of a data set in the layout of AstroCLIP on the Hugging Face hub: checked, streamed, judged."""

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
from datasets import Features, LargeList, List, Value

from galaxypair import io, tables
from galaxypair.errors import DataError
from galaxypair.io.hub import HubSplit, iter_tables, nested_values
from galaxypair.published.verdicts import report
from galaxypair.runtime import Progress

GROUP = "0"
COLUMNS = {  # of the data set: shape of one row, kind of number
    "image": ((tables.IMAGE_PX, tables.IMAGE_PX, 3), "float"),
    "spectrum": ((tables.N_WAVELENGTH, 1), "float"),
    "redshift": ((), "float"),
    "targetid": ((), "int"),
}


def check_features(name: str, features: Features) -> None:
    """Check names, types and, as far as they are declared, shapes of a data set's columns.

    Parameters
    ----------
    name : str
        Of the data set, for errors.
    features : datasets.Features

    Raises
    ------
    DataError
        Listing what was found.
    """
    wrong = [
        column for column, (shape, kind) in COLUMNS.items() if not _fits(features.get(column), shape, kind)
    ]
    if wrong:
        found = "; ".join(f"{column}: {feature}" for column, feature in features.items())
        raise DataError(
            f"`{name}`: the columns {', '.join(wrong)} are missing or of another type. Expected image "
            f"{COLUMNS['image'][0]} and spectrum {COLUMNS['spectrum'][0]} of float32, redshift float32, "
            f"targetid int64; found {found or 'nothing'}. Name a data set in the layout of AstroCLIP in "
            "`hub.dataset`, or rename its columns."
        )


def _fits(feature: object, shape: tuple[int, ...], kind: str) -> bool:
    dtype, declared = getattr(feature, "dtype", None), getattr(feature, "shape", None)
    if declared is not None:
        return _flat(tuple(declared)) == _flat(shape) and str(dtype).startswith(kind)
    depth = 0
    while isinstance(feature, List | LargeList):
        feature, depth = feature.feature, depth + 1
    # lists declare no shape: that of every row is looked at when it is read
    return (
        depth in (len(shape), len(_flat(shape)))
        and isinstance(feature, Value)
        and feature.dtype.startswith(kind)
    )


def _flat(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for length in shape if length != 1)


def split_codes(name: str, splits: list[str]) -> dict[str, int]:
    """Say what each split of a data set becomes.

    Parameters
    ----------
    name : str
        Of the data set, for errors.
    splits : list of str
        Names of its splits.

    Returns
    -------
    dict of str to int
        Positions in `tables.JOINT_SPLITS`: a single split is divided, val is drawn from train where
        there is none.

    Raises
    ------
    DataError
        If there are several splits and one of them is none of train, validation and test.
    """
    if len(splits) == 1:
        return {splits[0]: tables.JOINT_SPLITS.index("any")}
    ours = {split: tables.SPLIT_SPELLINGS.get(split) for split in splits}
    if None in ours.values() or len(set(ours.values())) < len(ours):
        raise DataError(
            f"`{name}`: its splits are {', '.join(splits)}, expected one split, or some of train, validation "
            "and test. Name a folder that holds the files wanted in `hub.dataset`."
        )
    if "val" not in ours.values():
        ours = {split: "train_or_val" if role == "train" else role for split, role in ours.items()}
    return {split: tables.JOINT_SPLITS.index(role) for split, role in ours.items()}


def write_survey(
    name: str, splits: dict[str, HubSplit], file: h5py.File, *, max_galaxies: int | None
) -> pd.DataFrame:
    """Stream a data set into a joint file.

    Parameters
    ----------
    name : str
        Of the data set, for errors.
    splits : dict of str to HubSplit
        From `io.hub.open_dataset`.
    file : h5py.File
        Open for writing; gets group "0" with `splits`.
    max_galaxies : int or None
        Of each split, from its start.

    Returns
    -------
    pandas.DataFrame
        One row per galaxy: targetid (-1 where it has none), z, kept, reason, detail, source_split.

    Raises
    ------
    DataError
        If the columns are others than expected, or not one galaxy can be used.
    """
    for split in splits.values():
        check_features(name, split.features)
    codes = split_codes(name, list(splits))
    total = sum(min(split.rows, max_galaxies or split.rows) for split in splits.values())
    node = io.create_joint_group(file, GROUP, total, growing=True, splits=True)
    frames, kept, progress = [], 0, Progress(total)
    for label, split in splits.items():
        for table in iter_tables(name, split, max_galaxies):
            block, frame = read_block(table)
            good = frame["kept"].to_numpy()
            rows = slice(kept, kept + int(good.sum()))
            for column, values in block.items():
                node[column][rows] = values[good]
            node["splits"][rows] = codes[label]
            kept = rows.stop
            frames.append(frame.assign(source_split=label))
            progress.update(len(frame))
    for data in node.values():
        data.resize(kept, axis=0)
    catalogue = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"kept": [], "reason": []})
    report(name, catalogue)
    return catalogue


def read_block(table: pa.Table) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Turn rows of a data set into those of a joint file, and judge them.

    Parameters
    ----------
    table : pyarrow.Table of n rows

    Returns
    -------
    block : dict of str to ndarray
        Datasets of `tables.JOINT_DATASETS`, n rows each.
    catalogue : pandas.DataFrame
        targetid, z, kept, reason, detail.
    """
    shapes = {column: shape for column, (shape, _) in COLUMNS.items() if shape}
    if not hasattr(table.schema.field("spectrum").type, "shape"):  # plain lists may lack the last axis
        shapes["spectrum"] = shapes["spectrum"][: _depth(table.schema.field("spectrum").type)]
    values, verdicts = {}, {}
    for column, shape in shapes.items():
        values[column], verdicts[column] = nested_values(table.column(column), shape)
    ids = table.column("targetid").combine_chunks()
    z = table.column("redshift").cast(pa.float32()).to_numpy()
    reason = np.full(len(table), "", "<U30")
    for column, verdict in verdicts.items():
        bad = (reason == "") & (verdict != "")
        reason[bad] = np.char.add(f"{column}_", verdict[bad])
    reason[ids.is_null().to_numpy(zero_copy_only=False)] = "targetid_missing"
    block = {
        "images": values["image"],
        "spectra": values["spectrum"].reshape(len(table), -1, 1),
        "redshifts": z,
        "targetids": ids.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64),
    }
    catalogue = pd.DataFrame({"targetid": block["targetids"], "z": z, "kept": reason == "", "reason": reason})
    return block, catalogue.assign(detail="")


def _depth(kind: pa.DataType) -> int:
    depth = 0
    while pa.types.is_nested(kind):
        kind, depth = kind.value_type, depth + 1
    return depth
