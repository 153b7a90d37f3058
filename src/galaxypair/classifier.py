"""A small network that gives galaxies one of several answers, trained on fractions of votes."""

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from galaxypair import small_networks
from galaxypair.scaling import Scaling


class Classifier:
    """A trained network.

    Parameters
    ----------
    network : MlpBank
        Of one network.
    scaling : Scaling
        Of the vectors that it was trained on.
    """

    def __init__(self, network: small_networks.MlpBank, scaling: Scaling) -> None:
        self._network, self._scaling = network, scaling

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities of the answers.

        Parameters
        ----------
        vectors : ndarray of shape (n, d), float32

        Returns
        -------
        ndarray of shape (n, n_answers), float32
        """
        logits = small_networks.apply(self._network, small_networks.tensor(self._scaling.apply(vectors)), 1)
        return logits[0].softmax(dim=1).numpy()


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
        Vectors (n, d) and fractions of votes (n, n_answers), float32. Without validation galaxies those
        of the train split choose the epoch.
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
    best weights by reference, so that it tests the last epoch; here they are copied (`small_networks.fit`).
    It draws its validation galaxies from the train split, here the val split serves. And here each number
    of the embedding is divided by its spread over the train split: unit vectors have small ones.
    """
    scaling = Scaling.of(train[0])
    parts = [
        (small_networks.tensor(scaling.apply(vectors)), torch.from_numpy(fractions)[None])
        for vectors, fractions in (train, val if len(val[0]) else train)
    ]
    sizes = [train[0].shape[1], *settings["hidden"], train[1].shape[1]]
    with small_networks.seeded(seed) as rng:
        network = small_networks.MlpBank(1, sizes, settings["dropout"])
        small_networks.fit(
            network,
            _cross_entropy,
            *parts,
            partial(_by_agreement, train[1]),
            rng=rng,
            **{key: settings[key] for key in ("epochs", "batch_size", "learning_rate")},
        )
    return Classifier(network, scaling)


def _by_agreement(fractions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    leading = fractions.max(axis=1).astype(np.float64)
    return rng.choice(len(leading), (1, len(leading)), p=leading / leading.sum())


def _cross_entropy(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return -(y * network(x).log_softmax(dim=2)).sum(dim=2).mean(dim=1)
