"""Contrastive losses on paired embeddings."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn

MAX_SCALE = 100.0  # of learned scales, as in CLIP: beyond it single pairs decide the loss
FIRST_BIAS = -10.0  # of the sigmoid loss, as published: nearly all pairs of a batch are no pairs


def gather(rows: Tensor, sizes: Sequence[int]) -> Tensor:
    """Join what the processes of a training hold of a batch, with gradients.

    Parameters
    ----------
    rows : Tensor of shape (m, d)
        This process's share of the joint batch.
    sizes : sequence of int
        Rows of each process, in the order of their ranks.

    Returns
    -------
    Tensor of shape (sum of sizes, d)
        The same in every process; of a training in one process, `rows`.

    Notes
    -----
    Every process computes the loss of the whole joint batch, and the gradient of its rows is the sum over
    these equal losses: as many times too large as there are processes. The mean over the processes that
    DistributedDataParallel takes of the weights' gradients puts this right. What the loss itself learns
    has the full gradient in each process, and that mean leaves it as it is.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return rows
    # what the warning of the deprecated public one names; not in every build of PyTorch
    from torch.distributed._functional_collectives import all_gather_single

    longest = max(sizes)
    padded = F.pad(rows, (0, 0, 0, longest - len(rows)))  # a collective takes equal shapes
    parts = all_gather_single(padded, 0, distributed.group.WORLD).split(longest)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def info_nce(image: Tensor, spectrum: Tensor, logit_scale: float | Tensor) -> Tensor:
    """Symmetric InfoNCE: each image must find its spectrum in the batch, and the reverse.

    Parameters
    ----------
    image, spectrum : Tensor of shape (n, d)
        Raw embeddings; row i of both is the same galaxy.
    logit_scale : float or Tensor of shape ()
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


def sigmoid(image: Tensor, spectrum: Tensor, logit_scale: float | Tensor, bias: Tensor) -> Tensor:
    """Judge each image with each spectrum of the batch, whether they show one galaxy, by itself.

    Parameters
    ----------
    image, spectrum : Tensor of shape (n, d)
        Raw embeddings; row i of both is the same galaxy.
    logit_scale : float or Tensor of shape ()
        Multiplies the cosines.
    bias : Tensor of shape ()
        Added to all logits.

    Returns
    -------
    Tensor of shape ()
        Summed over the batch's pairs and divided by n.

    References
    ----------
    Zhai et al. (2023), arXiv:2303.15343.
    """
    logits = logit_scale * F.normalize(image.float(), dim=1) @ F.normalize(spectrum.float(), dim=1).T + bias
    sign = 2 * torch.eye(len(logits), device=logits.device) - 1
    return -F.logsigmoid(sign * logits).sum() / len(logits)


class ContrastiveLoss(nn.Module):
    """A loss with what it learns: the scale if asked, and the bias of the sigmoid loss.

    Parameters
    ----------
    name : {"info_nce", "sigmoid"}
    logit_scale : float
        Of the cosines; where training starts if it is learned.
    learnable_scale : bool
    """

    def __init__(self, name: str, logit_scale: float, learnable_scale: bool) -> None:
        super().__init__()
        self.name, self._fixed_scale = name, logit_scale
        if learnable_scale:
            self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale)))
        if name == "sigmoid":
            self.bias = nn.Parameter(torch.tensor(FIRST_BIAS))

    @property
    def logit_scale(self) -> float | Tensor:
        """What multiplies the cosines now."""
        return self.log_scale.exp().clamp(max=MAX_SCALE) if hasattr(self, "log_scale") else self._fixed_scale

    def forward(self, image: Tensor, spectrum: Tensor) -> Tensor:
        """Compare embeddings of shape (n, d); row i of both is the same galaxy."""
        if self.name == "sigmoid":
            return sigmoid(image, spectrum, self.logit_scale, self.bias)
        return info_nce(image, spectrum, self.logit_scale)


def chance(name: str, n: int) -> float:
    """Give the loss of embeddings that tell nothing.

    Parameters
    ----------
    name : {"info_nce", "sigmoid"}
    n : int
        Galaxies in a batch, two or more.

    Returns
    -------
    float
        ln(n); for the sigmoid loss that of calling every pair one galaxy with probability 1 / n.
    """
    return math.log(n) + (-(n - 1) * math.log1p(-1 / n) if name == "sigmoid" else 0.0)
