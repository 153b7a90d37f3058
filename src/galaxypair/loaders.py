"""Batches from shards: shuffled over the whole survey, read on demand."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
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
        self._files: dict[int, h5py.File] = {}
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
        parts = [
            self._read(number, where[where[:, 0] == number, 1]) for number in np.unique(where[:, 0]).tolist()
        ]
        batch |= {c: torch.from_numpy(np.concatenate([p[c] for p in parts])) for c in self._columns}
        if "image" in batch:
            batch["image"] = images.to_channels_first(batch["image"])
        return batch

    def _read(self, number: int, rows: np.ndarray) -> dict[str, np.ndarray]:
        # opened on first use, so that each worker process has files of its own
        if number not in self._files:
            if len(self._files) >= OPEN_FILES:
                self._files.pop(next(iter(self._files))).close()  # the one opened first
            self._files[number] = io.open_hdf5(self._paths[number])
        return io.read_rows(self._files[number], self._columns, rows)


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


def loader(
    dataset: ShardDataset, batch_size: int, *, order: Sampler[int] | list[int], workers: int
) -> DataLoader:
    """Batch a dataset; an incomplete last batch is left out, since its loss would mean another thing.

    Parameters
    ----------
    dataset : ShardDataset
    batch_size : int
    order : Sampler or list of int
        Positions in the dataset.
    workers : int
        Reading processes; 0 reads in the training process.

    Returns
    -------
    DataLoader
        Of dicts as the dataset reads them.
    """
    return DataLoader(
        dataset,
        batch_size,
        sampler=order,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=_as_it_is,
    )


def _as_it_is(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return batch
