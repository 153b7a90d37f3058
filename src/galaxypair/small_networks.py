"""Small networks on embeddings: a training that keeps its best epoch, many side by side.

A training here is thousands of steps of less than a millisecond, and there are many of them: they run in a
plain loop, since a trainer of Lightning's takes several times as long for a step as the step itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from galaxypair.errors import ConfigError

BLOCK_ROWS = 8192  # galaxies that a network sees at a time when nothing is trained


def tensor(values: np.ndarray) -> Tensor:
    """Give an array as a tensor of float32."""
    return torch.from_numpy(values.astype(np.float32))


class MlpBank(nn.Module):
    """Several MLPs of one shape, evaluated side by side: each has its own weights and its own rows.

    Parameters
    ----------
    n_networks : int
    sizes : sequence of int
        Numbers of neurons, from input to output.
    dropout : float
        Share of hidden neurons that are silent in a step of the training.

    Notes
    -----
    Weights start as those of `torch.nn.Linear`: uniform within 1 / sqrt(inputs).
    """

    def __init__(self, n_networks: int, sizes: list[int], dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for n_in, n_out in pairwise(sizes):
            for parameters, rows in ((self.weights, n_in), (self.biases, 1)):
                bound = n_in**-0.5
                parameters.append(nn.Parameter(torch.empty(n_networks, rows, n_out).uniform_(-bound, bound)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n_networks, batch, d_in) to (n_networks, batch, d_out)."""
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if i:
                x = nn.functional.dropout(nn.functional.relu(x), self.dropout, self.training)
            x = torch.baddbmm(bias, x, weight)
        return x


Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
Draw = Callable[[np.random.Generator], np.ndarray]


def fit(
    network: nn.Module,
    loss: Loss,
    train: tuple[Tensor, Tensor],
    val: tuple[Tensor, Tensor],
    rows: np.ndarray | Draw,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Train with Adam and leave each network with the weights of its epoch of lowest validation loss.

    Parameters
    ----------
    network : nn.Module
        One network, or k of them whose parameters all have a leading axis of length k, see `MlpBank`.
    loss : callable
        Gets the network, x of shape (k, batch, d) and y of shape (k, batch, ...); gives the mean loss of
        each network, shape (k,). The networks are independent, so their sum is what is minimised.
    train, val : tuple of Tensor
        x of shape (n, d) and y of shape (k, n, ...), scaled (each network may have a scale of its own).
    rows : ndarray of shape (k, m), int64, or callable
        Rows of `train` that each network is trained on: each epoch goes once through them, in an order
        of its own. Or what draws those of an epoch.
    epochs, batch_size : int
        The last batch of an epoch may be smaller.
    learning_rate : float
    rng : numpy.random.Generator
        Of the orders. Dropout draws from torch's own generator, see `seeded`.

    Returns
    -------
    ndarray of shape (epochs, k)
        Validation losses, means over the val split.

    Raises
    ------
    ConfigError
        If a network has no epoch whose validation loss is a number.

    Notes
    -----
    The published AstroCLIP code keeps the best weights by reference, so that they go on changing and the
    last epoch is what it evaluates, and divides the validation loss of its flow by the length of another
    loader. Here the weights are copied, and the loss is a mean over the galaxies it was computed on. An
    epoch whose loss is not a number is never the best one.
    """
    optimiser = torch.optim.Adam(network.parameters(), learning_rate, fused=True)
    k = len(train[1])
    each = torch.arange(k)[:, None]
    lowest = torch.full((k,), torch.inf)
    best = {name: value.clone() for name, value in network.state_dict().items()}
    history = []
    for _ in range(epochs):
        network.train()
        order = torch.from_numpy(rows(rng) if callable(rows) else rng.permuted(rows, axis=1))
        for batch in order.split(batch_size, dim=1):
            optimiser.zero_grad()
            loss(network, train[0][batch], train[1][each, batch]).sum().backward()
            optimiser.step()
        found = _mean_loss(network, loss, val, k)
        better = found < lowest
        lowest = torch.where(better, found, lowest)
        for name, value in network.state_dict().items():
            chosen = better.view(-1, *[1] * (value.ndim - 1))
            best[name] = torch.where(chosen, value, best[name])  # a copy, not a view
        history.append(found.numpy())
    if not torch.isfinite(lowest).all():
        raise ConfigError(
            f"In none of {epochs} epochs is the validation loss a number: the training diverged. Lower "
            "`learning_rate` in the section of the config that is named as the stage."
        )
    network.load_state_dict(best)
    network.eval()
    return np.stack(history)


def _mean_loss(network: nn.Module, loss: Loss, sample: tuple[Tensor, Tensor], k: int) -> Tensor:
    network.eval()
    x, y = sample
    total = torch.zeros(k)
    with torch.no_grad():
        for part, values in zip(x.split(BLOCK_ROWS), y.split(BLOCK_ROWS, dim=1), strict=True):
            total += len(part) * loss(network, part.expand(k, -1, -1), values)
    return total / len(x)


def apply(network: nn.Module, x: Tensor, k: int) -> Tensor:
    """Let each network see the same galaxies, block by block.

    Parameters
    ----------
    network : nn.Module
        `k` networks, see `fit`.
    x : Tensor of shape (n, d)
    k : int

    Returns
    -------
    Tensor of shape (k, n, d_out)
    """
    with torch.no_grad():
        return torch.cat([network(part.expand(k, -1, -1)) for part in x.split(BLOCK_ROWS)], dim=1)


@contextmanager
def seeded(*seeds: int) -> Iterator[np.random.Generator]:
    """Seed torch for a block, on one thread, and give a numpy generator; leave both as they were.

    Parameters
    ----------
    *seeds : int
        Together they name the draws.

    Yields
    ------
    numpy.random.Generator

    Notes
    -----
    One thread: more would add in another order, and gain nothing with networks of this size.
    """
    words = np.random.SeedSequence(seeds)
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(words.generate_state(1, np.uint64)[0] >> 1))
        torch.set_num_threads(1)
        try:
            yield np.random.default_rng(words)
        finally:
            torch.set_num_threads(threads)
