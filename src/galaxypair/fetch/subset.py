"""Fetch a share of every group of a joint file over the network, and nothing else of it."""

import json
import logging
import math
import shutil
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np

from galaxypair import io, tables
from galaxypair.errors import DataError, as_users_error
from galaxypair.fetch.http import DEFAULT_PATIENCE, Patience
from galaxypair.fetch.remote import RemoteHDF5
from galaxypair.fetch.transfer import Wanted
from galaxypair.runtime import Progress, readable_bytes

logger = logging.getLogger(__name__)

ROW_BYTES = sum(
    math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in tables.JOINT_DATASETS.values()
)
RESTARTS = 3  # for a file that changes on the server while it is read


@dataclass(frozen=True)
class Block:
    """Consecutive rows of one group, fetched at once.

    Attributes
    ----------
    group : str
    start, stop : int
        Rows in the group of the remote file.
    place : int
        Where they begin in the group of the subset.
    """

    group: str
    start: int
    stop: int
    place: int


class _Changed(Exception):
    """The file is no longer the one that the rows so far came from."""


def select_rows(rows: int, fraction: float, train_fraction: float) -> list[tuple[int, int]]:
    """Choose rows of a group such that each keeps its split.

    Parameters
    ----------
    rows : int
        Rows of the group.
    fraction : float
        Share of them to take, at least one row.
    train_fraction : float
        As in `splits.assign`.

    Returns
    -------
    list of (int, int)
        First and last-plus-one row of at most two ranges.

    Notes
    -----
    Groups are permuted inside, so that their first rows are a fair sample; and ordered by
    brightness, so that each must give the same share. But the split of a row depends on its place:
    the first ``int(train_fraction * n)`` of n rows are train, the rest test. Of the m rows of a
    subset the first ``int(train_fraction * m)`` are therefore taken from the beginning of the train
    rows and the rest from the beginning of the test rows: a galaxy is in the same split in the
    subset as in the whole file, and a model trained on one may be tested on the other.
    """
    if not rows:
        return []
    taken = min(rows, max(1, round(fraction * rows)))
    train, first_test = int(train_fraction * taken), int(train_fraction * rows)
    ranges = [(0, train), (first_test, first_test + taken - train)]
    return [(start, stop) for start, stop in ranges if stop > start]


def plan_blocks(
    group: str, ranges: list[tuple[int, int]], block_rows: int, chunk_rows: int = 1
) -> list[Block]:
    """Cut ranges of rows into blocks.

    Parameters
    ----------
    group : str
    ranges : list of (int, int)
        From `select_rows`.
    block_rows : int
        Largest length of a block, unless a chunk is longer.
    chunk_rows : int, default=1
        Rows that the remote file stores together: blocks end where chunks do, so that no chunk is
        fetched for two blocks.

    Returns
    -------
    list of Block
    """
    step = math.ceil(block_rows / chunk_rows) * chunk_rows
    blocks, place = [], 0
    for first, last in ranges:
        start = first
        while start < last:
            stop = min(start - start % step + step, last)
            blocks.append(Block(group, start, stop, place))
            place += stop - start
            start = stop
    return blocks


def fetch_subset(
    wanted: Wanted,
    joint: Path,
    *,
    fraction: float,
    block_rows: int,
    train_fraction: float,
    patience: Patience = DEFAULT_PATIENCE,
) -> dict[str, object]:
    """Write a joint file of a share of each group of a remote one.

    Blocks of rows are kept in a hidden folder beside `joint` as they arrive, so that the same call
    goes on after an interruption; the folder is removed in the end.

    Parameters
    ----------
    wanted : Wanted
        A joint file. Its url: http, https or file address, or a path; of the rest only the remedy is used.
    joint : Path
        Output, in the layout of `tables.JOINT_DATASETS`.
    fraction : float
        Share of each group, in (0, 1].
    block_rows : int
        Rows fetched at a time, 0.3 MB each; memory is about three times that.
    train_fraction : float
        As in `splits.assign`.
    patience : Patience, optional
        With each request; its tries are those of a block of rows.

    Returns
    -------
    dict of str to object
        Where the rows come from, which they are and what was fetched: for `joint.source.json`.

    Raises
    ------
    DataError
        If the file cannot be had, is no joint file, or changes again and again.
    """
    remote = RemoteHDF5(wanted.url, wanted.remedy, patience)
    choice = {"fraction": fraction, "train_fraction": train_fraction, "block_rows": block_rows}
    with io.alone(joint.with_name(f".{joint.name}.lock")):
        return _fetch_version(remote, joint, patience, choice)


def _fetch_version(remote: RemoteHDF5, joint: Path, patience: Patience, choice: dict) -> dict[str, object]:
    """Fetch rows that are all of one version of the file."""
    for _ in range(RESTARTS):
        try:
            identity, blocks = _survey(remote, patience, **choice)
            chosen = [list(asdict(block).values()) for block in blocks]
            store = _Store(joint, {"url": remote.name, **identity, "blocks": chosen})
            fetched = _fetch(remote, patience, identity, blocks, store)
        except _Changed:
            logger.warning("`%s` has changed on the server while it was read: starting anew.", remote.name)
            continue
        store.assemble(joint, blocks)
        return {
            "url": remote.name,
            **identity,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "rows": _ranges(blocks),
            "bytes_fetched": remote.bytes_read,
            "blocks_fetched": fetched,
            "blocks_kept_from_earlier_jobs": len(blocks) - fetched,
        }
    raise DataError(
        f"`{remote.name}` changed {RESTARTS} times while it was read: somebody is writing it. "
        "Try again later."
    )


def _rows(blocks: list[Block]) -> int:
    return sum(block.stop - block.start for block in blocks)


def _announce(name: str, size: int, blocks: list[Block], waiting: list[Block], folder: Path) -> None:
    """Say what will be fetched, and stop now if the disk will not hold it."""
    coming, rows = ROW_BYTES * _rows(waiting), _rows(blocks)
    needed, free = coming + ROW_BYTES * rows, shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"`{folder}`: {readable_bytes(needed)} are needed (the rows are stored twice while the file is "
            f"put together), {readable_bytes(free)} are free. Free some space, lower `subset.fraction`, or "
            "use `--directory` with a larger disk; then run the same command again."
        )
    logger.info(
        "`%s`: %s galaxies of this file of %s; %s are still to come (%s free on this disk)",
        *(name, f"{rows:,}", readable_bytes(size), readable_bytes(coming), readable_bytes(free)),
    )


def _ranges(blocks: list[Block]) -> dict[str, list[list[int]]]:
    """Rows of each group, neighbouring blocks joined."""
    ranges: dict[str, list[list[int]]] = {}
    for block in blocks:
        here = ranges.setdefault(block.group, [])
        if here and here[-1][1] == block.start:
            here[-1][1] = block.stop
        else:
            here.append([block.start, block.stop])
    return ranges


class _Failures:
    """Failed reads in a row: wait after each, and give up in the end."""

    def __init__(self, name: str, patience: Patience) -> None:
        self._name, self._patience, self.count = name, patience, 0

    def add(self, err: OSError) -> None:
        if known := as_users_error(err):  # a full disk does not pass by waiting
            raise known from err
        self.count += 1
        what = str(err) or type(err).__name__
        if self.count >= self._patience.tries:
            raise DataError(
                f"`{self._name}`: reading failed {self.count} times in a row ({what}). "
                "Run the same command again: it goes on after the rows that have come."
            ) from err
        wait_s = self._patience.wait_s(self.count, getattr(err, "wait_s", 0))
        logger.warning("Reading failed (%s); trying again in %.0f s.", what, wait_s)
        time.sleep(wait_s)


def _survey(
    remote: RemoteHDF5, patience: Patience, fraction: float, train_fraction: float, block_rows: int
) -> tuple[dict[str, str | int], list[Block]]:
    """Version of the remote file, and which rows of it to fetch."""
    failures = _Failures(remote.name, patience)
    while True:
        blocks = []
        try:
            identity = remote.identity()
            with remote.open() as file:
                for group, rows in io.joint_rows(remote.name, file).items():
                    ranges = select_rows(rows, fraction, train_fraction)
                    blocks += plan_blocks(group, ranges, block_rows, io.joint_chunk_rows(file[group]))
            return identity, blocks
        except OSError as err:
            failures.add(err)


def _fetch(
    remote: RemoteHDF5, patience: Patience, identity: dict, blocks: list[Block], store: "_Store"
) -> int:
    """Fetch the blocks that are not kept yet; say how many they were."""
    waiting = [block for block in blocks if not store.holds(block)]
    _announce(remote.name, identity["size"], blocks, waiting, store.folder.parent)
    total, missing = _rows(blocks), _rows(waiting)
    progress, failures = Progress(total, done=total - missing), _Failures(remote.name, patience)
    left = list(waiting)
    while left:
        try:
            with remote.open() as file:
                while left:
                    rows = _read(file, left[0])
                    # asked after the rows have come: what is kept is all of one version
                    if remote.identity() != identity:
                        raise _Changed
                    store.keep(left[0], rows)
                    failures.count = 0
                    done = left.pop(0)
                    progress.update(done.stop - done.start)
        except OSError as err:
            failures.add(err)
    return len(waiting)


def _read(file: h5py.File, block: Block) -> dict[str, np.ndarray]:
    node, rows = file[block.group], slice(block.start, block.stop)
    arrays = {name: node[name][rows] for name in tables.JOINT_DATASETS}
    return {
        name: arrays[name].reshape(-1, *shape).astype(dtype, copy=False)
        for name, (shape, dtype) in tables.JOINT_DATASETS.items()
    }


class _Store:
    """Blocks that have come, each a file in a hidden folder; of one version of the remote file only."""

    def __init__(self, joint: Path, key: dict) -> None:
        self.folder = joint.with_name(f".{joint.name}.blocks")
        note = self.folder / "key.json"
        text = json.dumps(key, indent=1)
        if note.is_file() and note.read_text(encoding="utf-8") != text:
            logger.warning(
                "`%s`: address, version or choice of rows differs from the interrupted job's: starting anew.",
                self.folder,
            )
            self._remove()
        if not note.is_file():
            io.write_text(text, note)

    def _file(self, block: Block) -> Path:
        return self.folder / f"{block.group}-{block.start:08d}.h5"

    def holds(self, block: Block) -> bool:
        return h5py.is_hdf5(self._file(block))  # not so if the power failed before it was on disk

    def keep(self, block: Block, rows: dict[str, np.ndarray]) -> None:
        io.write_arrays(self._file(block), rows)

    def assemble(self, joint: Path, blocks: list[Block]) -> None:
        """Write the joint file from the blocks, and remove them."""
        sizes: dict[str, int] = {}
        for block in blocks:
            sizes[block.group] = block.place + block.stop - block.start
        with io.new_hdf5(joint) as file:
            for group, size in sizes.items():
                io.create_joint_group(file, group, size)
            for block in blocks:
                for name, values in io.read_arrays(self._file(block)).items():
                    file[block.group][name][block.place : block.place + len(values)] = values
        self._remove()

    def _remove(self) -> None:
        shutil.rmtree(self.folder)
