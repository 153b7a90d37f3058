"""Two compact encoders, small enough to be trained from scratch on a laptop in minutes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from galaxypair import images, spectra
from galaxypair.encoders.base import Encoder


class _ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut; halves the side."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, 2, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, 2, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


class CompactImageEncoder(Encoder):
    """A four-stage residual network on asinh-stretched bands.

    Parameters
    ----------
    crop_px : int, default=96
        Side of the central square that is looked at.
    width : int, default=16
        Channels of the first stage; the last has eight times as many.
    """

    def __init__(self, crop_px: int = 96, width: int = 16) -> None:
        super().__init__()
        self.crop_px = crop_px
        self.n_features = 8 * width
        self.net = nn.Sequential(
            nn.Conv2d(3, width, 5, 2, 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            _ResidualBlock(width, 2 * width),
            _ResidualBlock(2 * width, 4 * width),
            _ResidualBlock(4 * width, 8 * width),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.to(memory_format=torch.channels_last)

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Crop and stretch: see `images.asinh_stretch`."""
        cropped = images.asinh_stretch(images.center_crop(raw, self.crop_px))
        return (cropped.contiguous(memory_format=torch.channels_last),)

    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features of shape (n, 8 width)."""
        return self.net(*prepared)


class CompactSpectrumEncoder(Encoder):
    """Five convolutions over continuum and line channels; positions are kept to the last layer.

    Parameters
    ----------
    width : int, default=16
        Channels of the first stage; the last three have four times as many.

    Notes
    -----
    Pooling over wavelength would throw the redshift away: where a line lies is what tells it.
    """

    n_features = 256

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        channels = (spectra.N_CHANNELS, width, 2 * width, 4 * width, 4 * width, 4 * width)
        layers: list[nn.Module] = []
        length = spectra.N_BINS
        for n_in, n_out, kernel in zip(channels[:-1], channels[1:], (11, 7, 5, 5, 5), strict=True):
            layers += [
                nn.Conv2d(n_in, n_out, (1, kernel), (1, 2), (0, kernel // 2), bias=False),
                nn.BatchNorm2d(n_out),
                nn.ReLU(),
            ]
            length = (length + 1) // 2
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        self.mix = nn.Sequential(
            nn.Linear(channels[-1] * length + spectra.N_SUMMARY, self.n_features), nn.ReLU(), nn.Dropout(0.2)
        )
        # spectra as images one pixel high: in channels-last order a third faster than Conv1d on a CPU
        self.to(memory_format=torch.channels_last)

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Split continuum and lines: see `spectra.split_continuum`."""
        return spectra.split_continuum(raw)

    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features of shape (n, 256)."""
        channels, summary = prepared
        return self.mix(torch.cat([self.convolutions(channels[:, :, None]), summary], 1))
