"""What every encoder offers: raw survey units in, features out."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """One modality's encoder, with the input preprocessing that belongs to it.

    Callers hand over raw survey units (nanomaggies per pixel, 1e-17 erg / s / cm2 / Angstrom), so
    that no encoder can be fed another one's stretch. Published encoders and ours share this class.

    Attributes
    ----------
    n_features : int
        Length of a feature vector.
    """

    n_features: int

    @abstractmethod
    def prepare(self, raw: Tensor) -> tuple[Tensor, ...]:
        """Turn raw survey units into what the network reads; no trainable parameters.

        Parameters
        ----------
        raw : Tensor of shape (n, 3, h, w) or (n, 7781), float32

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
        Tensor of shape (n, n_features)
        """

    def forward(self, raw: Tensor) -> Tensor:
        """Prepare (in full precision) and encode.

        Parameters
        ----------
        raw : Tensor of shape (n, 3, h, w) or (n, 7781), float32

        Returns
        -------
        Tensor of shape (n, n_features)
        """
        with torch.no_grad(), torch.autocast(raw.device.type, enabled=False):
            prepared = self.prepare(raw.float())
        return self.encode(*prepared)
