"""Projection heads: from an encoder's features to the shared embedding space."""

import itertools
from functools import partial

import torch
from torch import Tensor, nn

from galaxypair.encoders.resnet import mlp


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


class _CrossAttention(nn.Module):
    """One learned query asks all tokens."""

    def __init__(self, n_features: int, embedding_dim: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, 1, embedding_dim))
        self.multihead_attn = nn.MultiheadAttention(
            embedding_dim, 4, batch_first=True, kdim=n_features, vdim=n_features
        )
        self.layernorm = nn.LayerNorm(embedding_dim)
        self.dropout = nn.Dropout(0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        query = self.query.expand(len(tokens), -1, -1)
        answer, _ = self.multihead_attn(query, tokens, tokens, need_weights=False)  # (n, 1, d)
        return self.layernorm(self.dropout(answer[:, 0]))


class _WideMLP(nn.Module):
    """Two layers, four times as wide between, and dropout."""

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(embedding_dim, 4 * embedding_dim)
        self.decoder = nn.Linear(4 * embedding_dim, embedding_dim)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.decoder(nn.functional.gelu(self.encoder(x))))


class CrossAttention(nn.Module):
    """Head of AstroCLIP: a learned query asks an encoder's tokens, then an MLP.

    Parameters
    ----------
    n_features, embedding_dim : int
        The latter a multiple of 4, the number of attention heads.
    residual : bool, default=True
        Whether the MLP adds to what it reads, or replaces it. The second version of AstroCLIP adds for
        spectra and replaces for images.

    Notes
    -----
    From 768 features, 361,984 parameters with 128 dimensions (first version) and 12,070,912 with 1024
    (second version); 12,595,200 from 1024 features with 1024 dimensions. The first version also has
    dropout within the MLP. The original fails for a single galaxy; this does not.

    References
    ----------
    Parker et al. 2024, MNRAS 531, 4990. Structure and names of weights after the published code
    (PolymathicAI/AstroCLIP, MIT licence, `astroclip/modules.py`).
    """

    def __init__(self, n_features: int, embedding_dim: int, *, residual: bool = True) -> None:
        super().__init__()
        self.residual = residual
        self.cross_attention = _CrossAttention(n_features, embedding_dim)
        self.mlp = _WideMLP(embedding_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Compute embeddings.

        Parameters
        ----------
        tokens : Tensor of shape (n, tokens, n_features)

        Returns
        -------
        Tensor of shape (n, embedding_dim)
        """
        x = self.cross_attention(tokens)
        return x + self.mlp(x) if self.residual else self.mlp(x)


# options of a head stand in the section `model.{name}` of the config
HEADS = {
    "linear": nn.Linear,
    "mlp": mlp,
    "prelu_mlp": prelu_mlp,
    "cross_attention": CrossAttention,
    "cross_attention_bare": partial(CrossAttention, residual=False),
}
