"""A small network that gives galaxies one of several answers, trained on fractions of votes."""

import copy
import itertools
import logging

import numpy as np
import torch
from torch import Tensor, nn

from galaxypair.arithmetic import fast_float32
from galaxypair.errors import ConfigError

logger = logging.getLogger(__name__)


class Classifier:
    """A trained network.

    Parameters
    ----------
    network : nn.Module
    mean, spread : Tensor of shape (d,)
        Of the vectors that it was trained on, which it sees in these units.
    """

    def __init__(self, network: nn.Module, mean: Tensor, spread: Tensor) -> None:
        self._network, self._mean, self._spread = network.eval(), mean, spread

    @torch.inference_mode()
    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities of the answers.

        Parameters
        ----------
        vectors : ndarray of shape (n, d), float32

        Returns
        -------
        ndarray of shape (n, n_answers), float32
        """
        x = (torch.from_numpy(vectors) - self._mean) / self._spread
        return self._network(x).softmax(dim=1).numpy()


def perceptron(n_inputs: int, n_answers: int, hidden: list[int], dropout: float) -> nn.Sequential:
    """Make a network of layers with dropout and ReLU, the last one without.

    Parameters
    ----------
    n_inputs, n_answers : int
    hidden : list of int
        Sizes of the layers between.
    dropout : float

    Returns
    -------
    nn.Sequential
        It gives logits.
    """
    sizes = [n_inputs, *hidden]
    layers = [
        layer
        for n_in, n_out in itertools.pairwise(sizes)
        for layer in (nn.Linear(n_in, n_out), nn.Dropout(dropout), nn.ReLU())
    ]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], n_answers))


def fit(
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray],
    settings: dict,
    *,
    seed: int,
) -> Classifier:
    """Train the network; keep the epoch with the lowest validation loss.

    Parameters
    ----------
    train, val : tuple of ndarray
        Vectors (n, d) and fractions of votes (n, n_answers), float32. Without validation galaxies the
        last epoch is kept.
    settings : dict
        hidden, dropout, learning_rate, batch_size, epochs.
    seed : int

    Returns
    -------
    Classifier

    Raises
    ------
    ConfigError
        If the loss diverges.

    Notes
    -----
    After the published AstroCLIP code: layers, dropout, Adam, batches, cross-entropy with the fractions of
    votes, and batches drawn with replacement by the fraction of the leading answer, so that galaxies on which
    people agree are seen more often. Four things differ. It puts probabilities through a second softmax,
    which bounds its loss from below (for two answers by 0.31); here the loss sees logits. It keeps the
    best weights by reference, so that it tests the last epoch; here they are copied. It draws its
    validation galaxies from the train split, here the val split serves. And here each number of the
    embedding is divided by its spread over the train split: unit vectors have small ones.
    """
    (x, y), (val_x, val_y) = (tuple(torch.from_numpy(part) for part in pair) for pair in (train, val))
    mean, spread = x.mean(dim=0), x.std(dim=0, correction=0).clamp_min(1e-6)
    x, val_x = (x - mean) / spread, (val_x - mean) / spread
    with torch.random.fork_rng(devices=[]), fast_float32("cpu"):
        torch.manual_seed(seed)
        network = perceptron(x.shape[1], y.shape[1], settings["hidden"], settings["dropout"])
        optimizer = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"], fused=True)
        lowest, best = float("inf"), None
        for epoch in range(settings["epochs"]):
            _epoch(network, optimizer, x, y, settings["batch_size"])
            loss = _loss(network, val_x, val_y) if len(val_x) else -float(epoch)
            if loss < lowest:
                lowest, best, chosen = loss, copy.deepcopy(network.state_dict()), epoch + 1
    if best is None:
        raise ConfigError(
            "The validation loss of the classifier is no number in any epoch: the training diverged. Lower "
            "`morphology.mlp.learning_rate`."
        )
    logger.debug("epoch %d of %d is kept (validation loss %.3f)", chosen, settings["epochs"], lowest)
    network.load_state_dict(best)
    return Classifier(network, mean, spread)


def _epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, batch_size: int
) -> None:
    network.train()
    agreement = y.max(dim=1).values
    for rows in torch.multinomial(agreement, len(x), replacement=True).split(batch_size):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
        optimizer.step()


@torch.no_grad()
def _loss(network: nn.Module, x: Tensor, y: Tensor) -> float:
    return float(nn.functional.cross_entropy(network.eval()(x), y))
