"""Momentum contrast (MoCo v2): an image encoder that tells galaxies apart in all observing conditions."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from galaxypair import heads, stein_views
from galaxypair.encoders.base import Encoder

NOBODY = -1  # place in the dataset of a key that is no galaxy's


class MomentumContrast(nn.Module):
    """Find, among a queue of keys, the other view of each galaxy.

    Parameters
    ----------
    encoder : Encoder
        Of images. One with the projection `fc` of Stein et al. is used as it is, any other gets such a head.
    settings : dict
        Section `pretrain.image` of the config.
    n_train : int
        Galaxies to train on; the queue is never longer.

    Notes
    -----
    After He et al. 2020 (CVPR, arXiv:1911.05722) and Chen et al. 2020 (arXiv:2003.04297), with the views of
    Stein et al. 2021 (arXiv:2110.13151). Two things differ. A galaxy's own key of an earlier epoch is no
    negative: where the queue is no small part of the survey it would be found there. And BatchNorm of the
    key encoder takes the running statistics of the query encoder, which follow by the same momentum
    (EMAN, Cai et al. 2021, arXiv:2101.08482), instead of keys that are shuffled over several GPUs: one
    process is enough, and nothing of a batch tells which query belongs to which key.

    Own code, some fifty lines, because the maintained library for it (`lightly` 1.6, MIT licence) requires
    torchvision, hydra and another installation of Lightning, and its memory bank does not know whose keys
    it holds.
    """

    def __init__(self, encoder: Encoder, settings: dict, n_train: int) -> None:
        super().__init__()
        dim = settings["projection_dim"]
        self.encoder = encoder
        self.head = nn.Identity() if has_projection(encoder) else heads.mlp(encoder.n_features, dim)
        self.key_encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.key_head = copy.deepcopy(self.head).requires_grad_(False)
        self.temperature, self.momentum = settings["temperature"], settings["momentum"]
        self.reach = stein_views.Reach(ebv_max=settings["ebv_max"], jitter_px=settings["jitter_px"])
        length = min(settings["queue"], n_train)
        dim = encoder.n_features if has_projection(encoder) else dim
        self.register_buffer("queue", F.normalize(torch.randn(length, dim), dim=1))
        self.register_buffer("queue_rows", torch.full((length,), NOBODY))
        self.register_buffer("queue_end", torch.zeros((), dtype=torch.int64))

    def train(self, mode: bool = True) -> "MomentumContrast":
        """Set the mode of all but the key encoder, which is never trained."""
        super().train(mode)
        self.key_encoder.eval()
        self.key_head.eval()
        return self

    def forward(self, batch: dict[str, Tensor], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Compute the loss and its value by chance; in training mode the keys move on.

        Parameters
        ----------
        batch : dict
            `image` (n, 3, h, w), and of the train split `row` (n,).
        generator : torch.Generator
            For the views.

        Returns
        -------
        loss, chance : Tensor of shape ()
        """
        crop_px = self.encoder.crop_px
        views = [stein_views.draw(batch["image"], crop_px, self.reach, generator) for _ in range(2)]
        rows = batch["row"].to(self.queue_rows) if self.training else None
        if self.training:
            self.follow()
        with torch.no_grad():
            keys = F.normalize(self.key_head(self.key_encoder(views[1])).float(), dim=1)
        queries = F.normalize(self.head(self.encoder(views[0])).float(), dim=1)
        # a copy: the queue moves on before the gradient is computed
        negatives = queries @ self.queue.clone().T
        if self.training:
            negatives = negatives.masked_fill(rows[:, None] == self.queue_rows, -torch.inf)
        loss = contrast((queries * keys).sum(1), negatives, self.temperature)
        if self.training:
            self.enqueue(keys, rows)
        return loss, torch.tensor(1.0 + len(self.queue)).log()

    @torch.no_grad()
    def follow(self) -> None:
        """Bring the key encoder a step towards the query encoder."""
        for keys, queries in ((self.key_encoder, self.encoder), (self.key_head, self.head)):
            wanted = queries.state_dict()
            for name, value in keys.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(wanted[name], 1 - self.momentum)
                else:
                    value.copy_(wanted[name])

    @torch.no_grad()
    def enqueue(self, keys: Tensor, rows: Tensor) -> None:
        """Put keys in the place of the oldest.

        Parameters
        ----------
        keys : Tensor of shape (n, d)
        rows : Tensor of shape (n,), int64
            Whose they are.
        """
        places = (self.queue_end + torch.arange(len(keys), device=keys.device)) % len(self.queue)
        self.queue[places] = keys
        self.queue_rows[places] = rows
        self.queue_end.copy_((self.queue_end + len(keys)) % len(self.queue))

    def exported(self) -> dict[str, Tensor]:
        """Give the weights to be kept: encoder and head, the latter as `fc`, as Stein et al. name it.

        Returns
        -------
        dict of str to Tensor
        """
        head = {f"fc.{name}": value for name, value in self.head.state_dict().items()}
        return self.encoder.state_dict() | head


def has_projection(encoder: Encoder) -> bool:
    """Tell whether an encoder ends in the contrastive head of Stein et al.

    Parameters
    ----------
    encoder : Encoder

    Returns
    -------
    bool
    """
    return any(name.startswith("fc.") for name in encoder.state_dict())


def contrast(positives: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of finding each query's key among others.

    Parameters
    ----------
    positives : Tensor of shape (n,)
        Cosine of each query and its key.
    negatives : Tensor of shape (n, m)
        Cosine of each query and all other keys; -inf for one that does not count.
    temperature : float
        Divides the cosines.

    Returns
    -------
    Tensor of shape ()
    """
    logits = torch.cat([positives[:, None], negatives], 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device))
