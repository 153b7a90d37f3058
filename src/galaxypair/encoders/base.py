"""What every encoder offers: raw survey units in, features out; some read redshifts too."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from galaxypair import redshift_bins


class Encoder(nn.Module, ABC):
    """One modality's encoder, with the input preprocessing that belongs to it.

    Callers hand over raw survey units (nanomaggies per pixel, 1e-17 erg / s / cm2 / Angstrom), so
    that no encoder can be fed another one's stretch. Published encoders and ours share this class.

    Attributes
    ----------
    n_features : int
        Length of a feature vector.
    tokens : bool
        Whether a galaxy has one feature vector for each of its tokens, for heads with attention, or one.
    rows_at_once : int
        Galaxies that go through the network together where no gradient is kept: memory stays bounded
        whatever the batch.
    crop_px : int
        Of image encoders alone: side of the central square that is looked at.
    """

    n_features: int
    tokens: bool = False
    rows_at_once: int = 1024
    crop_px: int

    @abstractmethod
    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Turn raw survey units into what the network reads; no trainable parameters.

        Parameters
        ----------
        raw : Tensor of shape (n, 3, h, w) or (n, 7781), float32
        z : Tensor of shape (n,), float32, optional
            Redshifts, NaN where unknown: for the encoders whose own preprocessing needs them.

        Returns
        -------
        tuple of Tensor of shape (n, ...), float32
        """

    @abstractmethod
    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features.

        Parameters
        ----------
        *prepared : Tensor of shape (n, ...), float32
            As `prepare` gives them.

        Returns
        -------
        Tensor of shape (n, n_features) or, with `tokens`, (n, tokens, n_features)
        """

    def forward(self, raw: Tensor, z: Tensor | None = None) -> Tensor:
        """Prepare (in full precision) and encode.

        Parameters
        ----------
        raw : Tensor of shape (n, 3, h, w) or (n, 7781), float32
        z : Tensor of shape (n,), float32, optional

        Returns
        -------
        Tensor of shape (n, n_features) or, with `tokens`, (n, tokens, n_features)
        """
        with torch.no_grad(), torch.autocast(raw.device.type, enabled=False):
            prepared = self.prepare(raw.float(), z)
        # in training mode a batch is one thing: BatchNorm takes its statistics from all of it
        if self.training or len(raw) <= self.rows_at_once:
            return self.encode(*prepared)
        blocks = zip(*(part.split(self.rows_at_once) for part in prepared), strict=True)
        return torch.cat([self.encode(*block) for block in blocks])


class Reading(NamedTuple):
    """What an encoder makes of galaxies.

    Attributes
    ----------
    features : Tensor of shape (n, n_features)
    logits : Tensor of shape (n, redshift_bins.N_CLASSES)
        Of the redshift, not calibrated.
    log_mstar : Tensor of shape (n, 2) [log10 M_sun]
        Mean and logarithm of the scatter.
    """

    features: Tensor
    logits: Tensor
    log_mstar: Tensor


class ReadingEncoder(Encoder):
    """An encoder with a readout of redshift and stellar mass, for those that the simulator's truth trained.

    Attributes
    ----------
    temperature : Tensor of shape ()
        Divides the logits, so that probabilities are frequencies; 0 as long as the readout is not trained.
    log_prior : Tensor of shape (redshift_bins.N_CLASSES,)
        Population that the readout learnt from.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.zeros(()))
        self.register_buffer("log_prior", torch.zeros(redshift_bins.N_CLASSES))

    @property
    def reads(self) -> bool:
        """Whether the readout is trained."""
        return bool(self.temperature > 0)

    @abstractmethod
    def read(self, *prepared: Tensor) -> Reading:
        """Compute features and readout.

        Parameters
        ----------
        *prepared : Tensor of shape (n, ...), float32
            As `prepare` gives them.

        Returns
        -------
        Reading
        """

    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features of shape (n, n_features)."""
        return self.read(*prepared).features

    def forget(self) -> None:
        """Mark the readout as not trained, for weights that other training has changed since."""
        self.temperature.zero_()


def misfit(module: nn.Module, state: dict[str, Tensor]) -> str | None:
    """Tell how weights differ from what a module needs: names and shapes, not values.

    Parameters
    ----------
    module : nn.Module
    state : dict of str to Tensor

    Returns
    -------
    str or None
        The first difference and the number of others; None if the weights fit.
    """
    wanted = module.state_dict()
    found = [f"lacks `{key}` of shape {tuple(v.shape)}" for key, v in wanted.items() if key not in state]
    found += [
        f"`{key}` has shape {tuple(state[key].shape)} where {tuple(value.shape)} is expected"
        for key, value in wanted.items()
        if key in state and state[key].shape != value.shape
    ]
    found += [f"holds `{key}`, which the model does not know" for key in state if key not in wanted]
    if not found:
        return None
    others = len(found) - 1
    return found[0] + (f" ({others:,} more do not fit)" if others else "")
