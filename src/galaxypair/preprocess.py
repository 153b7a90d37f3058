"""From a joint file to shards: cuts, splits, and a ledger of what became of every galaxy.

The file is cut into parts of consecutive rows. Each part makes one shard, by itself, in any process
and at any time: duplicates are found beforehand. So the work is spread over cores, its result does
not depend on their number, and parts that are done outlive an interruption.
"""

import functools
import hashlib
import itertools
import json
import logging
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import xxhash

from galaxypair import duplicates, io, quality, splits, tables
from galaxypair.errors import DataError
from galaxypair.ledger import balance, finish_ledger
from galaxypair.parallel import ordered_map
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)

BLOCK_ROWS = 64  # judged at a time: 20 MB, which stay in the processor's cache in part
PARTS = ".finished"  # folder beside the shards; what is in it vouches for finished ones


@dataclass(frozen=True)
class Part:
    """Rows of the joint file that make one shard, and what is needed to make it.

    Attributes
    ----------
    number : int
        Of the shard.
    group : str
    start, stop : int
        Rows in the group.
    group_rows : int
        Rows of the whole group.
    capacity : int
        Rows of a part that does not end its group.
    read_rows : int
        Rows read at a time, whole chunks of the file.
    duplicates : dict of int to str
        Rows to be dropped, with the reason.
    key : str
        Hash of everything that shapes the shard.
    """

    number: int
    group: str
    start: int
    stop: int
    group_rows: int
    capacity: int
    read_rows: int
    duplicates: dict[int, str]
    key: str


@dataclass(frozen=True)
class _Job:
    part: Part
    joint: Path
    folder: Path
    cuts: quality.Cuts
    split: dict[str, float]


def build_dataset(
    joint: Path,
    folder: Path,
    cuts: quality.Cuts,
    split: dict[str, float],
    places: dict[int, int],
    *,
    processes: int = 1,
    code: list[Path] | None = None,
) -> tuple[pd.DataFrame, dict]:
    """Stream a joint file into shards.

    Parameters
    ----------
    joint : Path
    folder : Path
        Gets `shard-*.h5`. Shards that an interrupted call with the same arguments has finished are
        kept, all others replaced.
    cuts : quality.Cuts
    split : dict
        Section `split` of the config.
    places : dict of int to int
        From `places.position_groups`.
    processes : int, default=1
        Does not change the result.
    code : list of Path, optional
        Modules whose change makes finished shards of an interrupted call void.

    Returns
    -------
    ledger : pandas.DataFrame
        Columns of `tables.LEDGER_COLUMNS`, one row per input galaxy.
    manifest : dict

    Raises
    ------
    DataError
        If no galaxy is left, or the file is not a joint file.
    """
    counts = io.check_joint(joint)
    repeats = duplicates.find_duplicates(joint, counts, cuts, places)
    parts = plan(joint, counts, cuts, repeats, _key(joint, cuts, split, code or []))
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    _clear(folder, parts)
    jobs = (_Job(part, joint, folder, cuts, split) for part in parts)
    progress, frames, shards = Progress(sum(counts.values())), [], []
    with ordered_map(min(processes, len(parts))) as run:
        for frame, shard in run(make_part, jobs):
            progress.update(len(frame))
            frames.append(frame)
            shards.append(shard)
    ledger = finish_ledger(frames)
    if not ledger["kept"].any():
        raise DataError(
            f"`{joint}`: none of {len(ledger)} galaxies passed the cuts ({balance(ledger)}). "
            "Loosen the cuts in the section `preprocess` of the config."
        )
    return ledger, _manifest(cuts.crop_px, ledger, [shard for shard in shards if shard["rows"]])


def _manifest(crop_px: int, ledger: pd.DataFrame, shards: list[dict]) -> dict:
    rows = ledger.loc[ledger["kept"], "split"].value_counts()
    digests = "".join(shard["digest"] for shard in shards)
    return {
        "crop_px": crop_px,
        "shards": [{name: shard[name] for name in ("name", "rows")} for shard in shards],
        "splits": {s: int(rows.get(s, 0)) for s in tables.SPLITS},
        "fingerprint": hashlib.blake2b(digests.encode(), digest_size=16).hexdigest(),
    }


def forget_parts(folder: Path) -> None:
    """Remove what lets an interrupted run go on, once ledger and manifest are written.

    Parameters
    ----------
    folder : Path
        Of the shards.
    """
    shutil.rmtree(folder / PARTS, ignore_errors=True)


def plan(
    joint: Path, counts: dict[str, int], cuts: quality.Cuts, repeats: dict[str, dict[int, str]], key: str
) -> list[Part]:
    """Cut a joint file into parts of about `shard_rows` rows, along the chunks of the file.

    Parameters
    ----------
    joint : Path
    counts : dict of str to int
        Rows of each group.
    cuts : quality.Cuts
    repeats : dict of str to dict of int to str
        From `duplicates.find_duplicates`.
    key : str
        Hash of what shapes all shards.

    Returns
    -------
    list of Part
        In the order of the file; no part reaches over the end of its group.
    """
    with io.open_hdf5(joint) as file:
        chunks = {group: io.joint_chunk_rows(file[group]) for group in counts}
    parts: list[Part] = []
    for group, rows in counts.items():
        chunk = chunks[group]
        tall = chunk > cuts.shard_rows  # cannot be followed: read a part at once, to unpack little twice
        aligned = 1 if tall else chunk
        step = round(cuts.shard_rows / aligned) * aligned
        read_rows = step if tall else min(-(-BLOCK_ROWS // aligned) * aligned, step)
        for start in range(0, rows, step):
            stop = min(start + step, rows)
            dropped = {i: why for i, why in repeats.get(group, {}).items() if start <= i < stop}
            own = hashlib.blake2b(json.dumps([key, group, start, stop, dropped]).encode(), digest_size=16)
            parts.append(
                Part(len(parts), group, start, stop, rows, step, read_rows, dropped, own.hexdigest())
            )
    return parts


def _key(joint: Path, cuts: quality.Cuts, split: dict[str, float], code: list[Path]) -> str:
    file = joint.stat()
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([file.st_size, file.st_mtime_ns, asdict(cuts), split]).encode())
    for path in code:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _clear(folder: Path, parts: list[Part]) -> None:
    """Remove shards, and what vouches for them, that these parts will not make."""
    names = {tables.SHARD_NAME.format(part.number) for part in parts}
    for old in folder.glob("shard-*.h5"):
        if old.name not in names:
            old.unlink()


# --- one part ---------------------------------------------------------------------------------------


def make_part(job: _Job) -> tuple[pd.DataFrame, dict]:
    """Make one shard, unless an interrupted run has left it finished.

    Parameters
    ----------
    job : _Job

    Returns
    -------
    frame : pandas.DataFrame
        The part's rows of the ledger.
    shard : dict
        name, rows, digest, bytes, key.
    """
    part = job.part
    path = job.folder / tables.SHARD_NAME.format(part.number)
    voucher = job.folder / PARTS / f"{part.number:05d}.json"
    rows = voucher.with_suffix(".parquet")
    done = _vouched(voucher, path)
    if done is not None and done["key"] == part.key:
        return io.read_table(rows), done
    voucher.unlink(missing_ok=True)
    frame, columns = _read_part(job)
    shard = {"name": path.name, "rows": len(columns["targetid"]), "digest": "", "bytes": 0, "key": part.key}
    if shard["rows"]:
        digest = xxhash.xxh3_128()  # tells data apart; a cryptographic hash would cost a quarter of the time
        for values in columns.values():
            digest.update(values.data)
        io.write_arrays(path, columns)
        shard |= {"digest": digest.hexdigest(), "bytes": path.stat().st_size}
    else:
        path.unlink(missing_ok=True)
    io.write_table(frame, rows)
    io.write_text(json.dumps(shard), voucher)  # last: it vouches for the other two
    return frame, shard


def _vouched(voucher: Path, path: Path) -> dict | None:
    try:
        shard = json.loads(voucher.read_text(encoding="utf-8"))
        size = path.stat().st_size if shard["rows"] else 0
    except (OSError, ValueError, KeyError):
        return None
    return shard if shard["bytes"] == size else None


def _read_part(job: _Job) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    part, filled = job.part, 0
    buffer: dict[str, np.ndarray] = {}
    frames = []
    for read in _blocks(job):
        seen = np.ascontiguousarray(quality.central(read.images, job.cuts.seen_px))
        block = replace(read, images=seen)
        frame = quality.judge(block, job.cuts)
        repeated = [part.duplicates.get(i, "") for i in block.index.tolist()]
        frame["reason"] = np.where(frame["reason"] == "", repeated, frame["reason"])
        code = splits.assign(block.index, part.group_rows, block.targetid, brought=block.split, **job.split)
        keep = (frame["reason"] == "").to_numpy()
        columns = _shard_columns(block, frame, code, keep, job.cuts)
        n = int(keep.sum())
        for name, values in columns.items():
            if name not in buffer:
                buffer[name] = _room(name, part.capacity, values.shape[1:], values.dtype)
            buffer[name][filled : filled + n] = values
        filled += n
        frames.append(
            frame.assign(
                group=block.group,
                index=block.index,
                targetid=block.targetid,
                z=block.z,
                kept=keep,
                split=np.where(keep, np.array(tables.SPLITS)[code], ""),
                shard=np.where(keep, part.number, -1),
            )
        )
    return pd.concat(frames, ignore_index=True), {name: values[:filled] for name, values in buffer.items()}


@functools.lru_cache(7)  # the columns of a shard
def _room(name: str, rows: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Memory for one column of a shard, used again for the next shard: fresh pages cost time."""
    return np.empty((rows, *shape), dtype)


def _blocks(job: _Job) -> itertools.chain[io.JointBlock]:
    """Small blocks to be judged, out of the larger ones that are read where chunks are tall."""
    part = job.part
    read = io.iter_joint_rows(job.joint, part.group, part.start, part.stop, part.read_rows)
    return itertools.chain.from_iterable(block.pieces(BLOCK_ROWS) for block in read)


def _shard_columns(
    block: io.JointBlock, frame: pd.DataFrame, code: np.ndarray, keep: np.ndarray, cuts: quality.Cuts
) -> dict[str, np.ndarray]:
    has_image, has_spectrum = (frame[f"has_{m}"].to_numpy()[keep] for m in tables.MODALITIES)
    # 0 first: what is left out may not fit into float16
    image, spectrum = quality.central(block.images, cuts.crop_px), block.spectra
    if not keep.all():
        image, spectrum = image[keep], spectrum[keep]
    image[~has_image], spectrum[~has_spectrum] = 0, 0
    return {
        "image": image.astype(cuts.dtype, copy=False),
        "spectrum": spectrum.astype(cuts.dtype, copy=False),
        "z": block.z[keep],
        "targetid": block.targetid[keep],
        "split": code[keep],
        "has_image": has_image,
        "has_spectrum": has_spectrum,
    }
