"""Start from embeddings that others published or that a user made: check, split, write our tables."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from galaxypair import io, splits, tables
from galaxypair.errors import DataError
from galaxypair.ledger import balance, finish_ledger
from galaxypair.published.layouts import Layout, recognise
from galaxypair.quality import Cuts, redshift_reasons
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)

BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Block:
    """Some consecutive rows of a file of embeddings.

    Attributes
    ----------
    targetid : ndarray of shape (n,), int64
    z : ndarray of shape (n,), float32
        NaN = unknown.
    split : ndarray of shape (n,), str or None
        None if the file does not say.
    raw : dict of modality to ndarray of shape (n, d), float32
        NaN throughout where a galaxy lacks the modality.
    """

    targetid: np.ndarray
    z: np.ndarray
    split: np.ndarray | None
    raw: dict[str, np.ndarray]


def iter_blocks(file: io.ColumnFile, layout: Layout, modalities: Sequence[str]) -> Iterator[Block]:
    """Stream the embeddings of a file; what else it holds is not read.

    Parameters
    ----------
    file : io.ColumnFile
        Open.
    layout : Layout
        Of the file, see `recognise`.
    modalities : sequence of str
        Those that the file holds.

    Yields
    ------
    Block

    Raises
    ------
    DataError
        If the file is damaged, or a column has another type or shape than expected.
    """
    names = [layout.targetid, *(n for m in modalities for n in layout.vectors[m])]
    names += [name for name in (layout.z, layout.split) if name]
    for columns in file.blocks(names, BLOCK_ROWS):
        raw = {m: _vectors(file.path, columns, layout.vectors[m]) for m in modalities}
        dims = {m: values.shape[1] for m, values in raw.items()}
        if len(set(dims.values())) > 1:
            raise DataError(
                f"`{file.path}`: embeddings of images have {dims['image']} dimensions, of spectra "
                f"{dims['spectrum']}. They are no pair that shares a space: import each by itself with "
                "`embeddings.modalities`."
            )
        dim = next(iter(dims.values()))
        missing = [m for m in tables.MODALITIES if m not in raw]
        raw |= {m: np.full((len(columns[layout.targetid]), dim), np.nan, np.float32) for m in missing}
        yield Block(*_identity(file.path, columns, layout), raw)


def _check_there(path: Path) -> None:
    if not path.is_file():
        remedy = "Correct the path, or get the file first: docs/embeddings.md says where published ones are."
        raise DataError(f"`{path}` (key `embeddings.path`): no such file. {remedy}")


def _vectors(path: Path, columns: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    whole = len(names) == 1 and columns[names[0]].ndim > 1
    values = columns[names[0]] if whole else np.stack([columns[name] for name in names], axis=1)
    kinds = "f" if whole else "fiu"  # a text file may write 0 for 0.0
    if values.ndim != 2 or values.dtype.kind not in kinds:
        raise DataError(
            f"`{path}`: column `{names[0]}` is {values.dtype} with rows of shape {values.shape[1:]}, "
            "expected one vector of floating-point numbers per galaxy. Convert it, or set another layout."
        )
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _identity(
    path: Path, columns: Mapping[str, np.ndarray], layout: Layout
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    targetid = columns[layout.targetid]
    if targetid.dtype.kind not in "iu" or targetid.ndim != 1:
        raise DataError(
            f"`{path}`: column `{layout.targetid}` is {targetid.dtype}, expected whole numbers without gaps: "
            "as floating-point numbers two TARGETIDs may become one. Write it as 64-bit integers."
        )
    z = columns[layout.z] if layout.z else np.full(len(targetid), np.nan)
    if z.dtype.kind not in "fiu" or z.ndim != 1:
        raise DataError(
            f"`{path}`: column `{layout.z}` is {z.dtype} with rows of shape {z.shape[1:]}, expected one "
            "redshift per galaxy. Convert it, or check `embeddings.layout`."
        )
    return targetid.astype(np.int64), z.astype(np.float32), _split(path, columns, layout)


def _split(path: Path, columns: Mapping[str, np.ndarray], layout: Layout) -> np.ndarray | None:
    if not layout.split:
        return None
    names = [n.decode() if isinstance(n, bytes) else str(n) for n in columns[layout.split].tolist()]
    strange = sorted(set(names) - set(tables.SPLIT_SPELLINGS))
    if strange:
        raise DataError(
            f"`{path}`: column `{layout.split}` holds {strange[0]!r}, expected {', '.join(tables.SPLITS)}. "
            "Rename it, or leave the column out: galaxies are then split by a hash of TARGETID."
        )
    return np.array([tables.SPLIT_SPELLINGS[name] for name in names], dtype="U5")


def vector_reasons(vectors: np.ndarray, modality: str) -> np.ndarray:
    """Say what is wrong with each embedding.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32
    modality : str

    Returns
    -------
    ndarray of shape (n,), str
        "" where nothing is, else one of `tables.REASONS`.
    """
    finite = np.isfinite(vectors)
    absent = np.isnan(vectors).all(axis=1)
    invalid = ~finite.all(axis=1) | (vectors == 0).all(axis=1)  # a vector of zeros has no direction
    return np.select([absent, invalid], [f"{modality}_absent", "embedding_invalid"], "")


def judge(block: Block, cuts: Cuts, modalities: Sequence[str]) -> pd.DataFrame:
    """Judge each galaxy of a block by itself.

    Parameters
    ----------
    block : Block
    cuts : Cuts
        Its redshift range, `require_z` and `require_modalities` count.
    modalities : sequence of str
        Those that the file holds; the other one is asked of no galaxy.

    Returns
    -------
    pandas.DataFrame
        Columns reason, detail, has_image, has_spectrum.
    """
    verdict = {m: vector_reasons(block.raw[m], m) for m in modalities}
    good = np.stack([verdict[m] == "" for m in modalities])
    enough = good.any(axis=0) if cuts.require_modalities == "either" else good.all(axis=0)
    worst, fault = np.full(good.shape[1], "", dtype="U24"), np.full(good.shape[1], "", dtype="U48")
    for m in reversed(modalities):  # of two faults the image's is told
        worst = np.where(verdict[m] == "", worst, verdict[m])
        fault = np.where(verdict[m] == "", fault, f"{m} embedding absent, not finite or zero")
    frame = pd.DataFrame({"reason": np.where(enough, redshift_reasons(block.z, cuts), worst)})
    frame["detail"] = np.where(enough & (fault != ""), np.char.add("left out: ", fault), fault)
    for m in tables.MODALITIES:
        frame[f"has_{m}"] = verdict[m] == "" if m in modalities else False
    return frame


def import_embeddings(
    files: Mapping[str, Path],
    outputs: Mapping[str, Path],
    settings: Mapping,
    cuts: Cuts,
    split: Mapping[str, float],
) -> tuple[pd.DataFrame, dict]:
    """Write the tables of embeddings of all splits from files of other makers.

    Parameters
    ----------
    files : mapping of str to Path
        Split to file; "" if one file holds all galaxies.
    outputs : mapping of str to Path
        Split to `embeddings/{split}.parquet`.
    settings : mapping
        Section `embeddings` of the config.
    cuts : Cuts
    split : mapping
        Section `split` of the config; used where the files do not say.

    Returns
    -------
    ledger : pandas.DataFrame
        Columns of `tables.LEDGER_COLUMNS`, one row per galaxy of the files.
    source : dict
        Layout, files with size and SHA-256, and how galaxies were split.

    Raises
    ------
    DataError
        If a file cannot be used, or no galaxy is left in the train or the test split.
    """
    modalities, seen, frames = settings["modalities"], set(), []
    told, sources = False, []
    with ExitStack() as stack:
        writers: dict[str, io.EmbeddingsWriter] = {}
        for name, path in files.items():
            _check_there(path)
            file = stack.enter_context(io.open_columns(path))
            layout = recognise(path, file.names, settings["layout"], modalities)
            logger.info("`%s`: %s galaxies, layout %s", path, f"{file.rows:,}", layout.name)
            sources.append({"rows": file.rows, "name": path.name, "bytes": path.stat().st_size})
            told = told or bool(name or layout.split)
            progress = Progress(file.rows)
            for block in iter_blocks(file, layout, modalities):
                if not writers:
                    writers = _open_writers(stack, outputs, block.raw["image"].shape[1])
                frame = _place(block, judge(block, cuts, modalities), name, split, seen)
                _write(writers, block, frame)
                frames.append(frame)
                progress.update(len(frame))
        if not frames:
            raise DataError(f"`{path}`: holds no galaxy. Fetch or write it again.")
        ledger, dim = finish_ledger(frames), block.raw["image"].shape[1]
        _check_left(ledger, path)
    source = {
        "layout": layout.name,
        "files": [s | {"sha256": io.sha256(p)} for s, p in zip(sources, files.values(), strict=True)],
        "embedding_dim": dim,
        "modalities": list(modalities),
        "split": "as in the file" if told else "by a hash of TARGETID",
    }
    return ledger, source


def _open_writers(stack: ExitStack, outputs: Mapping[str, Path], dim: int) -> dict[str, io.EmbeddingsWriter]:
    parts = {name: stack.enter_context(io.atomic_path(path)) for name, path in outputs.items()}
    return {name: stack.enter_context(io.EmbeddingsWriter(part, name, dim)) for name, part in parts.items()}


def _place(
    block: Block, frame: pd.DataFrame, split_of_file: str, split: Mapping[str, float], seen: set[int]
) -> pd.DataFrame:
    """Mark repeats and give every galaxy that is kept its split."""
    for i in np.flatnonzero(frame["reason"] == ""):
        target = int(block.targetid[i])
        if target in seen:
            frame.loc[i, "reason"] = "duplicate_targetid"
        seen.add(target)
    if split_of_file:
        names = np.full(len(frame), split_of_file)
    elif block.split is not None:
        names = block.split
    else:
        names = np.array(tables.SPLITS)[splits.by_hash(block.targetid, **split)]
    keep = (frame["reason"] == "").to_numpy()
    return frame.assign(
        group="",
        index=-1,
        targetid=block.targetid,
        z=block.z,
        kept=keep,
        split=np.where(keep, names, ""),
        shard=-1,
    )


def _write(writers: Mapping[str, io.EmbeddingsWriter], block: Block, frame: pd.DataFrame) -> None:
    raw = {m: np.where(frame[[f"has_{m}"]], block.raw[m], np.nan) for m in tables.MODALITIES}
    for name, writer in writers.items():
        rows = (frame["split"] == name).to_numpy()
        if rows.any():
            writer.write(block.targetid[rows], {m: values[rows] for m, values in raw.items()})


def _check_left(ledger: pd.DataFrame, path: Path) -> None:
    left = ledger["split"].value_counts()
    for name in ("train", "test"):
        if not left.get(name, 0):
            raise DataError(
                f"`{path}`: no galaxy is left for the {name} split ({balance(ledger)}). Look at the cuts in "
                "`preprocess` (`require_z: false` keeps galaxies without a redshift, `require_modalities: "
                "either` those with one embedding), at `split`, and at the column split of the file."
            )
