"""Batches from a stream of mock galaxies: each epoch is another round, passed over several times."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from galaxypair import images
from galaxypair.loaders import EpochSampler
from galaxypair.mock.stream import VALIDATION, Round, Rounds


class RoundDataset(Dataset):
    """Galaxies of the round at hand.

    Parameters
    ----------
    rounds : Rounds
    n : int
        Galaxies of each round.
    """

    def __init__(self, rounds: Rounds, n: int) -> None:
        self._rounds, self._n = rounds, n
        self._number: int | None = None
        self._round: Round | None = None

    def turn_to(self, number: int) -> None:
        """Wait for a round, and let go of the one before.

        Parameters
        ----------
        number : int
        """
        if number != self._number:
            self._round = None  # before the one after the next is begun with
            self._round, self._number = self._rounds.take(number), number

    def __len__(self) -> int:
        return self._n

    def __getitems__(self, places: Sequence[int]) -> dict[str, Tensor]:
        """Take a batch of the round: `row` (n,), the galaxies' places in the stream, and what it has of them.

        `image` is (n, 3, h, w), `continuum` and `lines` are (n, 7781), `fibre_fraction` is (n, 3), and each
        column of the population, `z` among them, has its name; numbers are float32.
        """
        rows = np.sort(places)
        arrays = self._round.arrays()
        table = arrays.pop("rows")
        arrays |= {name: table[name] for name in table.dtype.names}
        batch = {name: _tensor(values[rows % self._n]) for name, values in arrays.items()}
        if "image" in batch:
            batch["image"] = images.to_channels_first(batch["image"])
        return batch | {"row": torch.from_numpy(rows)}


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values if values.dtype == bool else values.astype(np.float32))


class RoundSampler(EpochSampler):
    """Places in the stream: in each epoch those of another round, once for each pass in another order.

    Parameters
    ----------
    dataset : RoundDataset
        Turned to the round of the epoch.
    seed : int
    passes : int
    """

    def __init__(self, dataset: RoundDataset, seed: int, passes: int) -> None:
        super().__init__(len(dataset), seed)
        self._dataset, self._passes = dataset, passes

    def set_epoch(self, epoch: int) -> None:
        """Turn to the epoch's round.

        Not when the first batch is read: that is done in a thread, whose waiting nothing could interrupt.
        """
        super().set_epoch(epoch)
        self._dataset.turn_to(VALIDATION + 1 + epoch)

    def __len__(self) -> int:
        return self._n * self._passes

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self._seed, self._epoch])
        first = self._n * self._epoch
        for _ in range(self._passes):
            yield from (first + rng.permutation(self._n)).tolist()
