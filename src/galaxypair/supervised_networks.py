"""The networks that are trained end to end on labels, to compare with: no pretraining, no second modality."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from galaxypair import images, spectra
from galaxypair.encoders.base import Encoder

STAGES = (64, 128, 256, 512)  # channels of ResNet-18, two blocks each
FILTERS, KERNELS, HIDDEN = (8, 16, 16, 32), (5, 10, 20, 40), (32, 32)  # of convolutions and attention


class _BasicBlock(nn.Module):
    """Two convolutions of 3 pixels with a shortcut; the first one takes the stride."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample = (
            nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))
            if n_in != n_out or stride != 1
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet18(Encoder):
    """The ResNet-18 of He et al., on the pixels and in the stretch that the compact encoder sees.

    Parameters
    ----------
    crop_px : int
        Side of the central square that is looked at.

    Notes
    -----
    The second version of AstroCLIP trains this network in the colours of `images.to_rgb`. Here bands are
    stretched each by itself, as for `CompactImageEncoder`: what differs is then the training alone.

    References
    ----------
    He et al. 2016, CVPR, table 1, column "18-layer".
    """

    n_features = STAGES[-1]
    rows_at_once = 256

    def __init__(self, crop_px: int) -> None:
        super().__init__()
        self.crop_px = crop_px
        self.stem = nn.Sequential(
            nn.Conv2d(3, STAGES[0], 7, 2, 3, bias=False),
            nn.BatchNorm2d(STAGES[0]),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        )
        blocks: list[nn.Module] = []
        n_in = STAGES[0]
        for n_out in STAGES:
            blocks += [_BasicBlock(n_in, n_out, 1 if n_out == STAGES[0] else 2), _BasicBlock(n_out, n_out, 1)]
            n_in = n_out
        self.blocks = nn.Sequential(*blocks)
        self.to(memory_format=torch.channels_last)

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Crop and stretch: see `images.asinh_stretch`."""
        cropped = images.asinh_stretch(images.center_crop(raw, self.crop_px))
        return (cropped.contiguous(memory_format=torch.channels_last),)

    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features of shape (n, 512)."""
        return self.blocks(self.stem(*prepared)).mean((2, 3))


class ConvAttention(Encoder):
    """Four convolutions over wavelength and attention to where the last one finds something.

    Notes
    -----
    The encoder of spender (see `encoders.spender`) with fewer and wider filters, as the second version of
    AstroCLIP trains it; after each convolution but the last, the maximum over as many bins as its kernel
    has. It reads the flux as it is.

    References
    ----------
    Parker et al. 2024, MNRAS 531, 4990; Serra et al. 2018, arXiv:1805.03908; Melchior et al. 2023, AJ 166,
    74.
    """

    n_features = FILTERS[-1] // 2

    def __init__(self) -> None:
        super().__init__()
        channels = zip((1, *FILTERS[:-1]), FILTERS, KERNELS, strict=True)
        self.convolutions = nn.ModuleList(
            nn.Sequential(nn.Conv1d(a, b, k, padding=k // 2), nn.InstanceNorm1d(b), nn.PReLU(b))
            for a, b, k in channels
        )

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Cut what lies far beyond any galaxy."""
        return (raw.clamp(-spectra.FLUX_LIMIT, spectra.FLUX_LIMIT),)

    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features of shape (n, 16)."""
        (flux,) = prepared
        x = flux[:, None]  # (n, 1, wavelength)
        for convolution, pool in zip(self.convolutions[:-1], KERNELS, strict=False):
            x = F.max_pool1d(convolution(x), pool, padding=pool // 2)
        values, keys = self.convolutions[-1](x).chunk(2, 1)
        return (values * keys.softmax(-1)).sum(2)


MODALITY = {"resnet18": "image", "conv_attention": "spectrum"}  # what each network reads


class Predictor(nn.Module):
    """A network with its readout: from a galaxy to its properties.

    Parameters
    ----------
    name : {"resnet18", "conv_attention"}
    crop_px : int
        Side of the central square of images.
    mean, scale : Tensor of shape (n_targets,)
        Of the properties in the train split: the network works on standardised ones.
    """

    def __init__(self, name: str, crop_px: int, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.encoder: Encoder = ResNet18(crop_px) if name == "resnet18" else ConvAttention()
        sizes = (self.encoder.n_features, *(() if name == "resnet18" else HIDDEN))
        layers: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        self.readout = nn.Sequential(*layers, nn.Linear(sizes[-1], len(mean)))
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, raw: Tensor) -> Tensor:
        """Predict standardised properties, shape (n, n_targets)."""
        return self.readout(self.encoder(raw))

    def predict(self, raw: Tensor) -> Tensor:
        """Predict properties in their own units, shape (n, n_targets)."""
        return self(raw).float() * self.scale + self.mean
