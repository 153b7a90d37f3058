"""Projection heads: from an encoder's features to the shared embedding space."""

import itertools

from torch import nn


def mlp(n_features: int, embedding_dim: int) -> nn.Sequential:
    """Make a head of two layers with a ReLU between, as momentum contrast has it.

    Parameters
    ----------
    n_features, embedding_dim : int

    Returns
    -------
    nn.Sequential
        Weights `0`, `2`: with 2048 features and 128 dimensions the `fc` of Stein et al. 2021.
    """
    return nn.Sequential(nn.Linear(n_features, n_features), nn.ReLU(), nn.Linear(n_features, embedding_dim))


def prelu_mlp(n_features: int, embedding_dim: int, hidden: list[int], dropout: float) -> nn.Sequential:
    """Make a head whose layers are all followed by PReLU (a slope per unit) and dropout, the last too.

    Parameters
    ----------
    n_features, embedding_dim : int
    hidden : list of int
        Sizes of the layers between.
    dropout : float
        Share of the units that training silences; an embedding is made with all of them.

    Returns
    -------
    nn.Sequential
        Weights `0`, `1`, `3`, `4` and so on: the spectrum head of the reproduction of AstroCLIP.
    """
    sizes = [n_features, *hidden, embedding_dim]
    layers = [
        layer
        for n_in, n_out in itertools.pairwise(sizes)
        for layer in (nn.Linear(n_in, n_out), nn.PReLU(n_out), nn.Dropout(dropout))
    ]
    return nn.Sequential(*layers)


# options of a head stand in the section `model.{name}` of the config
HEADS = {"linear": nn.Linear, "mlp": mlp, "prelu_mlp": prelu_mlp}
