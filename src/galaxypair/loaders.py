"""Batches from shards: shuffled over the whole survey, read on demand."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from galaxypair import images, io, tables

OPEN_FILES = 100  # at a time; systems allow some hundred, a large survey has thousands of shards
COLUMNS = (*tables.MODALITIES, "z")


class ShardDataset(Dataset):
    """Galaxies of one split that have the modalities needed, read from the shards batch by batch.

    Parameters
    ----------
    manifest : dict
        From `io.read_manifest`.
    split : {"train", "val", "test"}
    columns : sequence of str, optional
        Of the shards, read for each batch. Without any no file is opened, and a batch tells its rows alone.
    needed : sequence of str, default=("image", "spectrum")
        Modalities without which a galaxy is left out.

    Notes
    -----
    Only the batch asked for is in memory. Shards are uncompressed and contiguous, so that single
    rows are read about as fast as slices, and the shuffling can be uniform over the survey.
    """

    def __init__(
        self,
        manifest: dict,
        split: str,
        columns: Sequence[str] = COLUMNS,
        needed: Sequence[str] = tables.MODALITIES,
    ) -> None:
        self._columns = tuple(columns)
        self._paths: list[Path] = manifest["paths"]
        self._files: dict[int, io.RowFile] = {}  # all that have been read from
        self._open_files: dict[int, io.RowFile] = {}
        where = []
        for number, path in enumerate(self._paths):
            with io.open_hdf5(path) as file:
                wanted = file["split"][:] == tables.SPLITS.index(split)
                for modality in needed:
                    wanted &= file[f"has_{modality}"][:]
                rows = np.flatnonzero(wanted)
            where.append(np.column_stack([np.full(len(rows), number), rows]))
        self._where = np.concatenate(where)

    @property
    def shards(self) -> np.ndarray:
        """Number of the shard of each galaxy, int64; galaxies of a shard stand together."""
        return self._where[:, 0]

    def __len__(self) -> int:
        return len(self._where)

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Read a batch: `row` (n,), the galaxies' places in the dataset, and the columns.

        `image` is (n, 3, h, w), `spectrum` (n, 7781), `z` (n,), all float32.
        """
        # in the order of the file, shard by shard; the order within a batch does not matter
        rows = np.sort(indices)
        batch = {"row": torch.from_numpy(rows)}
        if not self._columns:
            return batch
        where = self._where[rows]
        columns: dict[str, np.ndarray] = {}
        starts = np.flatnonzero(np.diff(where[:, 0], prepend=-1)).tolist()
        for start, stop in zip(starts, [*starts[1:], len(where)], strict=True):
            file = self._open(int(where[start, 0]))
            for column in self._columns:
                if column not in columns:
                    columns[column] = file.empty(column, len(where))
                file.read_into(column, where[start:stop, 1], columns[column][start:stop])
        batch |= {column: torch.from_numpy(values) for column, values in columns.items()}
        if "image" in batch:
            batch["image"] = images.to_channels_first(batch["image"])
        return batch

    def _open(self, number: int) -> io.RowFile:
        if number not in self._open_files:
            if len(self._open_files) >= OPEN_FILES:
                self._open_files.pop(next(iter(self._open_files))).rest()  # the one opened first
            if number not in self._files:
                self._files[number] = io.RowFile(self._paths[number])
            self._open_files[number] = self._files[number]
        return self._open_files[number]


class EpochSampler(Sampler[int]):
    """A permutation set by seed and epoch alone: a resumed training equals an undisturbed one.

    Parameters
    ----------
    n : int
    seed : int
    """

    def __init__(self, n: int, seed: int) -> None:
        self._n, self._seed, self._epoch = n, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the permutation; Lightning calls this before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self._seed, self._epoch])
        return iter(rng.permutation(self._n).tolist())


def shares(n: int, processes: int) -> list[int]:
    """Tell how many galaxies of a joint batch each process takes.

    Parameters
    ----------
    n : int
        Galaxies of the joint batch.
    processes : int

    Returns
    -------
    list of int
        They differ by one at most.
    """
    return [n * (rank + 1) // processes - n * rank // processes for rank in range(processes)]


class Share(Sampler[int]):
    """A process's rows of each joint batch: the order of the galaxies is that of one process.

    Parameters
    ----------
    order : Sampler or list of int
        Of all galaxies; those that fill no joint batch are left out.
    batch_size : int
        Of the joint batch.
    rank, processes : int
    """

    def __init__(
        self, order: Sampler[int] | list[int], batch_size: int, rank: int = 0, processes: int = 1
    ) -> None:
        self._order, self.batch_size = order, batch_size
        sizes = shares(batch_size, processes)
        self.rows_per_batch = sizes[rank]
        self._first = sum(sizes[:rank])
        self._epoch, self._done = 0, {}

    def skip(self, epoch: int, batches: int) -> None:
        """Leave out the first batches of an epoch, which a resumed training has done."""
        self._done = {epoch: batches}

    def set_epoch(self, epoch: int) -> None:
        """Choose the permutation; Lightning calls this before each epoch."""
        self._epoch = epoch
        if isinstance(self._order, EpochSampler):
            self._order.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._order) // self.batch_size * self.rows_per_batch

    def __iter__(self) -> Iterator[int]:
        order = list(self._order)
        for batch in range(self._done.get(self._epoch, 0), len(order) // self.batch_size):
            first = batch * self.batch_size + self._first
            yield from order[first : first + self.rows_per_batch]


def fixed_order(n: int, seed: int) -> list[int]:
    """Shuffle once for all epochs, so that validation losses compare.

    Parameters
    ----------
    n : int
    seed : int

    Returns
    -------
    list of int

    Notes
    -----
    Not the order of the file: groups go by brightness, so its batches would contrast galaxies of one
    brightness with each other, a harder task than that of the shuffled train batches; and the galaxies
    that fill no batch would always be the faintest.
    """
    return list(EpochSampler(n, seed))


class PrefetchingLoader(DataLoader):
    """Batches of a dataset, the next ones read while the network works on this one.

    Attributes
    ----------
    waited_s : float
        Seconds that the training has waited for batches so far.
    """

    waited_s: float = 0.0

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        # a thread starts on the first GPU, whichever is this process's
        gpu = torch.cuda.current_device() if self.pin_memory and torch.cuda.is_available() else None
        batches = io.prefetch(self._read(gpu))
        while True:
            start = time.perf_counter()
            batch = next(batches, None)
            self.waited_s += time.perf_counter() - start
            if batch is None:
                return
            yield batch

    def _read(self, gpu: int | None) -> Iterator[dict[str, Tensor]]:
        if gpu is not None:
            torch.cuda.set_device(gpu)
        yield from super().__iter__()


def loader(dataset: Dataset, rows: Share, *, pin_memory: bool = False) -> PrefetchingLoader:
    """Batch a dataset; an incomplete last batch is left out, since its loss would mean another thing.

    Parameters
    ----------
    dataset : Dataset
        Read batch by batch, as `ShardDataset` is.
    rows : Share
        Of this process: places in the dataset.
    pin_memory : bool, default=False
        Read into memory that a GPU copies from while it computes.

    Returns
    -------
    PrefetchingLoader
        Of dicts as the dataset reads them.
    """
    return PrefetchingLoader(
        dataset,
        rows.rows_per_batch,
        sampler=rows,
        pin_memory=pin_memory,
        collate_fn=_as_it_is,
    )


def _as_it_is(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return batch
