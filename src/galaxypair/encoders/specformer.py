"""The spectrum encoder of AstroCLIP: a transformer over windows of a spectrum."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from galaxypair import spectra
from galaxypair.encoders.attention import attend
from galaxypair.encoders.base import Encoder

WIDTH, N_BLOCKS, N_HEADS = 768, 6, 6
MAX_TOKENS = 800  # places that the published weights know; a spectrum fills 778
DROPOUT = 0.1


class _Attention(nn.Module):
    """Self-attention between two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        mixed = attend(self.attention(x), N_HEADS, DROPOUT if self.training else 0.0)
        return F.dropout(self.projection(mixed), DROPOUT, self.training)


class _MLP(nn.Module):
    """Two layers, four times as wide between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(width, 4 * width)
        self.decoder = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.decoder(F.gelu(self.encoder(x))), DROPOUT, self.training)


class _Block(nn.Module):
    """Attention, then an MLP; each reads normalised tokens and adds to them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layernorm1 = nn.LayerNorm(width)
        self.attention = _Attention(width)
        self.layernorm2 = nn.LayerNorm(width)
        self.mlp = _MLP(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.layernorm1(x))
        return x + self.mlp(self.layernorm2(x))


class Specformer(Encoder):
    """Transformer of 6 layers over 778 tokens, as trained by AstroCLIP to fill in masked spectra.

    Parameters
    ----------
    output : {"tokens", "mean"}, default="tokens"
        All 778 token embeddings, which heads with cross-attention read, or their mean, which its
        authors take for the encoder by itself.

    Notes
    -----
    43,177,750 parameters with the published names; both versions of AstroCLIP have this size (the
    weights of the first were not published). `head`, which fills in the masked windows, is kept so that
    the published weights load as they are; no feature depends on it.

    References
    ----------
    Parker et al. 2024, MNRAS 531, 4990. Structure after the published code (PolymathicAI/AstroCLIP,
    MIT licence, `astroclip/models/specformer.py`).
    """

    rows_at_once = 16  # 10 MB each in an MLP

    def __init__(self, output: str = "tokens") -> None:
        super().__init__()
        self.tokens = output == "tokens"
        self.n_features = WIDTH
        self.data_embed = nn.Linear(spectra.TOKEN_LENGTH, WIDTH)
        self.position_embed = nn.Embedding(MAX_TOKENS, WIDTH)
        self.blocks = nn.ModuleList(_Block(WIDTH) for _ in range(N_BLOCKS))
        self.final_layernorm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, spectra.TOKEN_LENGTH)
        self._initialise()

    def _initialise(self) -> None:
        """Draw the first weights as the original does: the narrower, the deeper the network."""
        for part, scale in ((self.blocks, 1 / math.sqrt(2 * N_BLOCKS)), (self.head, 1.0)):
            for layer in part.modules():
                if isinstance(layer, nn.Linear):
                    _truncated_normal(layer.weight, scale / math.sqrt(layer.in_features))
                    nn.init.zeros_(layer.bias)
        for embedding in (self.data_embed, self.position_embed):
            _truncated_normal(embedding.weight, 1 / math.sqrt(WIDTH))

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Cut into tokens: see `spectra.window_tokens`."""
        return (spectra.window_tokens(raw),)

    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features of shape (n, 778, 768) or (n, 768)."""
        (tokens,) = prepared
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.data_embed(tokens) + self.position_embed(places)
        x = F.dropout(x, DROPOUT, self.training)
        for block in self.blocks:
            x = block(x)
        x = self.final_layernorm(x)
        return x if self.tokens else x.mean(1)


def _truncated_normal(weight: Tensor, std: float) -> None:
    nn.init.trunc_normal_(weight, std=std, a=-3 * std, b=3 * std)
