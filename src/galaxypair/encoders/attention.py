"""Self-attention, shared by the transformers; each keeps its published names of weights."""

import torch.nn.functional as F
from torch import Tensor


def attend(projected: Tensor, n_heads: int, dropout: float = 0.0) -> Tensor:
    """Mix tokens by attention to each other.

    Parameters
    ----------
    projected : Tensor of shape (n, tokens, 3 d)
        Queries, keys and values side by side.
    n_heads : int
    dropout : float, default=0
        Share of the attention weights that are silenced.

    Returns
    -------
    Tensor of shape (n, tokens, d)
    """
    queries, keys, values = projected.unflatten(2, (3, n_heads, -1)).permute(2, 0, 3, 1, 4)
    mixed = F.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout)  # (n, heads, tokens, d')
    return mixed.transpose(1, 2).flatten(2)
