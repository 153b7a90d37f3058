"""The supervised training task: galaxies in, properties out, and a loss over those that are known."""

from collections.abc import Mapping

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor

from galaxypair.supervised_networks import Predictor

BLUR_SIGMA_PX = (0.1, 2.0)  # of the Gaussian whose central 3 x 3 pixels blur an image


def masked_loss(predicted: Tensor, wanted: Tensor) -> Tensor:
    """Mean square error over what is known.

    Parameters
    ----------
    predicted : Tensor of shape (n, t)
    wanted : Tensor of shape (n, t)
        NaN where unknown.

    Returns
    -------
    Tensor of shape ()
        0 if nothing is known.
    """
    known = wanted.isfinite()
    # before the square: the gradient of a NaN that is left out afterwards is a NaN
    error = torch.where(known, predicted - wanted.nan_to_num(), 0.0)
    return error.square().sum() / known.sum().clamp(min=1)


def flip_and_blur(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each galaxy along either axis or not and blur it a little, by its own draw.

    Parameters
    ----------
    images : Tensor of shape (n, 3, h, w)
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor of shape (n, 3, h, w)

    Notes
    -----
    As the supervised baseline of AstroCLIP's second version: flips, and a Gaussian cut to 3 x 3 pixels.
    """
    n = len(images)
    for axis in (-1, -2):
        chosen = (torch.rand(n, generator=generator) < 0.5).to(images.device)[:, None, None, None]
        images = torch.where(chosen, images.flip(axis), images)
    low, high = BLUR_SIGMA_PX
    sigma = (low + (high - low) * torch.rand(n, generator=generator)).to(images)[:, None, None, None]
    beside = torch.exp(-0.5 / sigma.square())
    centre = 1 / (1 + 2 * beside)
    padded = F.pad(images, (0, 0, 1, 1), mode="reflect")
    images = centre * (images + beside * (padded[:, :, :-2] + padded[:, :, 2:]))
    padded = F.pad(images, (1, 1, 0, 0), mode="reflect")
    return centre * (images + beside * (padded[..., :-2] + padded[..., 2:]))


class SupervisedTask(lightning.LightningModule):
    """One training: network, loss, augmentations and optimiser.

    Parameters
    ----------
    predictor : Predictor
    modality : {"image", "spectrum"}
    settings : dict
        `seed` and `learning_rate`.
    labels : mapping of {"train", "val"} to Tensor of shape (n, t)
        Properties in their own units, in the order of the split's dataset; NaN where unknown.
    """

    def __init__(
        self, predictor: Predictor, modality: str, settings: dict, labels: Mapping[str, Tensor]
    ) -> None:
        super().__init__()
        self.predictor, self.modality, self.settings = predictor, modality, settings
        self._labels = {s: (v - predictor.mean) / predictor.scale for s, v in labels.items()}

    @property
    def epoch_loss(self) -> float:
        """Mean train loss of the epoch."""
        return float(self.trainer.callback_metrics["train_loss"])

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Take the loss of a batch, its images augmented."""
        # tied to the step, so that a resumed training equals an undisturbed one
        generator = torch.Generator().manual_seed(self.settings["seed"] * 1_000_003 + self.global_step)
        raw = batch[self.modality]
        return self._loss("train", batch, flip_and_blur(raw, generator) if self.modality == "image" else raw)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Take the loss of a batch as it is."""
        self._loss("val", batch, batch[self.modality])

    def _loss(self, split: str, batch: dict[str, Tensor], raw: Tensor) -> Tensor:
        chosen = self._labels[split][batch["row"].cpu()]
        wanted, n_known = chosen.to(raw), int(chosen.isfinite().sum())
        predicted = self.predictor(raw).float()
        loss = masked_loss(predicted, wanted)
        # chance: to say the mean of the train split of every galaxy
        chance = masked_loss(torch.zeros_like(predicted), wanted)
        names = ("train_loss", "chance_loss") if split == "train" else ("val_loss", "chance_val_loss")
        found = dict(zip(names, (loss, chance), strict=True))
        self.log_dict(found, on_step=False, on_epoch=True, batch_size=n_known)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at a constant rate: the published scheduler never took effect."""
        return torch.optim.Adam(self.predictor.parameters(), self.settings["learning_rate"])
