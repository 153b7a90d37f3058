"""The image encoder of AstroCLIP: a vision transformer with DINOv2's names of weights."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from galaxypair import images
from galaxypair.encoders.attention import attend
from galaxypair.encoders.base import Encoder
from galaxypair.errors import ConfigError

WIDTH, N_BLOCKS, N_HEADS = 1024, 24, 16
CROP_PX, PATCH_PX = 144, 12
N_PATCHES = (CROP_PX // PATCH_PX) ** 2
EPSILON = 1e-6  # of every LayerNorm
LAYER_SCALE = 1e-5  # first value of the factors that layers are added with


class _PatchEmbed(nn.Module):
    """One token for every square of 12 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, WIDTH, PATCH_PX, PATCH_PX)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)  # (n, patches, d), row by row


class _Attention(nn.Module):
    """Self-attention between two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(attend(self.qkv(x), N_HEADS))


class _MLP(nn.Module):
    """Two layers, four times as wide between."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class _LayerScale(nn.Module):
    """A learned factor for each feature."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((WIDTH,), LAYER_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class _Block(nn.Module):
    """Attention, then an MLP; each reads normalised tokens and adds to them."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, EPSILON)
        self.attn = _Attention()
        self.ls1 = _LayerScale()
        self.norm2 = nn.LayerNorm(WIDTH, EPSILON)
        self.mlp = _MLP()
        self.ls2 = _LayerScale()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class AstroDINO(Encoder):
    """ViT-L with patches of 12 pixels, as trained by DINOv2 on the images of the Legacy Surveys.

    Parameters
    ----------
    crop_px : int, default=144
        Side of the central square that is looked at; the weights know no other.
    output : {"tokens", "cls"}, default="tokens"
        The 144 tokens that AstroCLIP's head reads, or the class token, which its authors take for the
        encoder by itself.

    Notes
    -----
    302,954,496 parameters. AstroCLIP sends the patches through the blocks with neither class token nor
    position embedding, so that the order of the patches is lost to it, and its head was trained on what
    comes out: "tokens" does the same. "cls" is the network as it was trained by itself.

    Written out, as the maintained libraries do not fit: timm needs torchvision, transformers calls every
    weight differently. The parts are DINOv2's `DinoVisionTransformer` with LayerScale, without registers
    (github.com/facebookresearch/dinov2, Apache licence 2.0); its stochastic depth is for training alone.

    References
    ----------
    Parker et al. 2024, MNRAS 531, 4990; Oquab et al. 2023, arXiv:2304.07193.
    """

    rows_at_once = 32  # 2.4 MB each in an MLP

    def __init__(self, crop_px: int = CROP_PX, output: str = "tokens") -> None:
        super().__init__()
        self.crop_px = crop_px
        if crop_px != CROP_PX:
            raise ConfigError(
                f"`model.image.crop_px` is {crop_px}, but the encoder astrodino was trained with {CROP_PX} "
                "pixels and looks at no other number; set it so."
            )
        self.tokens = output == "tokens"
        self.n_features = WIDTH
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, N_PATCHES + 1, WIDTH))
        self.mask_token = nn.Parameter(torch.zeros(1, WIDTH))  # of its training; no feature depends on it
        self.patch_embed = _PatchEmbed()
        self.blocks = nn.ModuleList(_Block() for _ in range(N_BLOCKS))
        self.norm = nn.LayerNorm(WIDTH, EPSILON)

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Crop, turn upright and stretch to colours."""
        # the joint file stores the axes of a cutout swapped; the weights know them unswapped
        return (images.to_rgb(images.center_crop(raw, CROP_PX).transpose(-2, -1)),)

    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features of shape (n, 144, 1024) or (n, 1024)."""
        x = self.patch_embed(*prepared)
        if not self.tokens:
            x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return x if self.tokens else x[:, 0]
