"""The image encoder of Stein et al.: a ResNet-50 with torchvision's names of weights."""

import torch
from torch import Tensor, nn

from galaxypair import images
from galaxypair.encoders.base import Encoder

N_TRUNK, N_PROJECTION = 2048, 128


def mlp(n_features: int, embedding_dim: int) -> nn.Sequential:
    """Make a head of two layers with a ReLU between, as momentum contrast has it.

    Parameters
    ----------
    n_features, embedding_dim : int

    Returns
    -------
    nn.Sequential
        Weights `0`, `2`: with 2048 features and 128 dimensions the `fc` of Stein et al. 2021.
    """
    return nn.Sequential(nn.Linear(n_features, n_features), nn.ReLU(), nn.Linear(n_features, embedding_dim))


class _Bottleneck(nn.Module):
    """Convolutions of 1, 3 and 1 pixels with a shortcut; the middle one takes the stride."""

    def __init__(self, n_in: int, n_inner: int, stride: int) -> None:
        super().__init__()
        n_out = 4 * n_inner
        self.conv1 = nn.Conv2d(n_in, n_inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_inner)
        self.conv2 = nn.Conv2d(n_inner, n_inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_inner)
        self.conv3 = nn.Conv2d(n_inner, n_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = (
            nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))
            if n_in != n_out or stride != 1
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def _stage(n_in: int, n_inner: int, blocks: int, stride: int) -> nn.Sequential:
    first = _Bottleneck(n_in, n_inner, stride)
    return nn.Sequential(first, *(_Bottleneck(4 * n_inner, n_inner, 1) for _ in range(blocks - 1)))


class SteinResNet50(Encoder):
    """ResNet-50 as trained by momentum contrast on 76 million galaxies of the Legacy Surveys.

    Parameters
    ----------
    crop_px : int, default=96
        Side of the central square that is looked at; the weights were trained with 96.
    stretch : {"stein_rgb", "raw"}, default="stein_rgb"
        What the network reads: the colours that it was trained with (`images.stein_rgb`), or plain
        nanomaggies in the order g, r, z as the reproduction of AstroCLIP feeds it.
    output : {"features", "projection"}, default="features"
        2048 numbers of the last pooling, which its authors use, or the 128 of the contrastive head.

    Notes
    -----
    Same network and names of weights as torchvision's `resnet50`, whose classification layer is
    replaced by Linear, ReLU, Linear (`fc.0`, `fc.2`; absent with output "features").

    References
    ----------
    Stein et al. 2021, arXiv:2110.13151; He et al. 2016, CVPR; the stride of a block sits in its
    convolution of 3 pixels.
    """

    rows_at_once = 64

    def __init__(self, crop_px: int = 96, stretch: str = "stein_rgb", output: str = "features") -> None:
        super().__init__()
        self.crop_px, self.stretch = crop_px, stretch
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(64, 64, 3, 1)
        self.layer2 = _stage(256, 128, 4, 2)
        self.layer3 = _stage(512, 256, 6, 2)
        self.layer4 = _stage(1024, 512, 3, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = mlp(N_TRUNK, N_PROJECTION) if output == "projection" else nn.Identity()
        self.n_features = N_PROJECTION if output == "projection" else N_TRUNK
        self.to(memory_format=torch.channels_last)

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Crop, turn upright and stretch."""
        # the joint file stores the axes of a cutout swapped; the weights know them unswapped
        cropped = images.center_crop(raw, self.crop_px).transpose(-2, -1)
        stretched = images.stein_rgb(cropped) if self.stretch == "stein_rgb" else cropped
        return (stretched.contiguous(memory_format=torch.channels_last),)

    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features of shape (n, 2048) or (n, 128)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(*prepared))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))
