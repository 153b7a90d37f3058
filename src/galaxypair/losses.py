"""Contrastive losses on paired embeddings."""

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(image: Tensor, spectrum: Tensor, logit_scale: float) -> Tensor:
    """Symmetric InfoNCE: each image must find its spectrum in the batch, and the reverse.

    Parameters
    ----------
    image, spectrum : Tensor of shape (n, d)
        Raw embeddings; row i of both is the same galaxy.
    logit_scale : float
        Multiplies the cosines; the published AstroCLIP uses 15.5.

    Returns
    -------
    Tensor of shape ()
        ln(n) for embeddings that tell nothing.

    Notes
    -----
    The reproduction multiplies by ln 15.5 = 2.74, at which the loss cannot fall below 3.52 for
    n = 512; its loss values cannot be compared with these.

    References
    ----------
    van den Oord et al. (2018), arXiv:1807.03748; Radford et al. (2021), arXiv:2103.00020.
    """
    logits = logit_scale * F.normalize(image.float(), dim=1) @ F.normalize(spectrum.float(), dim=1).T
    pair = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, pair) + F.cross_entropy(logits.T, pair)) / 2
