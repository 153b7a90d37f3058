"""Pretraining on what the simulator knows: redshift, stellar mass, and that something is no galaxy.

A variant, named so wherever it is used: embeddings of such an encoder are not label-free, and what its
neighbours tell of a redshift was put in. The labels are those of the mock survey alone.
"""

import math
from collections.abc import Iterable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from galaxypair import degraded_images, redshift_bins
from galaxypair.encoders.base import ReadingEncoder

MASS_WEIGHT = 0.3
CLEAN_WEIGHT = 0.3
CLEAN_BINS = 389  # of the noise-free spectrum, 16 Angstrom each
PRIOR_BINS = 8  # scatter of the kernel that smooths the population


class SimulatorTruth(nn.Module):
    """Learn the distribution of the redshift, the stellar mass, and of spectra what they are without noise.

    Parameters
    ----------
    encoder : ReadingEncoder
    settings : dict
        Section `pretrain.image` or `pretrain.spectrum` of the config.
    n_train : int
        Not looked at.
    """

    def __init__(self, encoder: ReadingEncoder, settings: dict, n_train: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.effects = settings["effects"]
        self.clean = nn.Linear(encoder.n_features, CLEAN_BINS)

    def forward(self, batch: dict[str, Tensor], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Compute the loss, and that of knowing nothing of the redshift.

        Parameters
        ----------
        batch : dict
            Of a stream: `image` (n, 3, h, w) or `spectrum` (n, 7781), `galaxy`, `z` and `log_mstar` (n,),
            and of spectra `continuum` and `lines`.
        generator : torch.Generator
            For the views.

        Returns
        -------
        loss, chance : Tensor of shape ()
        """
        raw = batch.get("spectrum")
        if raw is None:
            on_cpu = torch.Generator().manual_seed(generator.initial_seed())
            raw = degraded_images.augment(batch["image"], self.encoder.crop_px, self.effects, on_cpu)
        galaxy = batch["galaxy"]
        with torch.no_grad(), torch.autocast(raw.device.type, enabled=False):
            prepared = self.encoder.prepare(raw)
        reading = self.encoder.read(*prepared)
        loss = -redshift_bins.log_likelihood(reading.logits, batch["z"], galaxy).mean()
        loss = loss + MASS_WEIGHT * _mass_loss(reading.log_mstar[galaxy], batch["log_mstar"][galaxy])
        if "continuum" in batch:
            wanted = clean_shape(batch["continuum"] + batch["lines"])[galaxy]
            found = self.clean(reading.features[galaxy]).float()
            loss = loss + CLEAN_WEIGHT * (found - wanted).square().mean()
        return loss, torch.tensor(math.log(redshift_bins.N_CLASSES))

    @torch.no_grad()
    def calibrate(self, batches: Iterable[dict[str, Tensor]]) -> None:
        """Set the encoder's temperature and prior.

        Parameters
        ----------
        batches : iterable of dict
            As for `forward`, of galaxies that were not trained on; no effects.
        """
        self.encoder.eval()
        logits, z, galaxy = [], [], []
        for batch in batches:
            raw = batch.get("spectrum", batch.get("image"))
            logits.append(self.encoder.read(*self.encoder.prepare(raw)).logits.double())
            z.append(batch["z"])
            galaxy.append(batch["galaxy"])
        found, true, known = torch.cat(logits), torch.cat(z), torch.cat(galaxy)

        def misfit(log_temperature: float) -> float:
            scores = redshift_bins.log_likelihood(found / math.exp(log_temperature), true, known)
            return -float(scores.mean())

        best = minimize_scalar(misfit, bounds=(-1.5, 1.5), method="bounded")
        self.encoder.temperature.fill_(math.exp(best.x))
        self.encoder.log_prior.copy_(_log_population(true[known], known.double().mean()))

    def exported(self) -> dict[str, Tensor]:
        """Give the weights to be kept: those of the encoder, its readout with them.

        Returns
        -------
        dict of str to Tensor
        """
        return self.encoder.state_dict()


def _mass_loss(found: Tensor, true: Tensor) -> Tensor:
    mean, log_scatter = found.unbind(1)
    return (log_scatter + 0.5 * ((mean - true) * torch.exp(-log_scatter)).square()).mean()


def clean_shape(flux: Tensor) -> Tensor:
    """Bring noise-free spectra to a form that does not tell their brightness.

    Parameters
    ----------
    flux : Tensor of shape (n, 7781)

    Returns
    -------
    Tensor of shape (n, 389)
        Means of 20 bins, over the mean of all, less one; cut at 5.
    """
    means = flux[:, : CLEAN_BINS * 20].view(len(flux), CLEAN_BINS, 20).mean(2)
    return (means / means.mean(1, keepdim=True).clamp(min=1e-6) - 1).clamp(-5, 5)


def _log_population(z: Tensor, share: Tensor) -> Tensor:
    """Logarithm of the share of each class, smoothed over the redshift."""
    place = redshift_bins.position(z).round().long().cpu().numpy()
    count = np.bincount(place, minlength=redshift_bins.N_BINS)[: redshift_bins.N_BINS] + 0.1
    smooth = torch.from_numpy(gaussian_filter1d(count, PRIOR_BINS, mode="nearest"))
    galaxies = share.cpu().clamp(max=0.999)
    return torch.cat([galaxies * smooth / smooth.sum(), 1 - galaxies[None]]).log().float()
