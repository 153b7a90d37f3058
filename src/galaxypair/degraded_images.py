"""What cutouts of other surveys and telescopes have, so that a network has met it.

Each effect has a name, so that what it is good for on real cutouts can be measured by leaving it out. Turns,
mirrors and shifts of `images.augment` come with any of them.
"""

from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor

from galaxypair import images, tables

EFFECTS = {  # name -> what it stands for
    "seeing": "blurrier cutouts, as by worse seeing or from resampled pixels",
    "zero_points": "fluxes of each band wrong by 3 percent",
    "sky": "noise up to five times the survey's",
    "picture": "a colour picture (JPEG) that was brought back to fluxes: clipped cores, steps of 1/255",
}
MARGIN_PX = 4  # beyond the crop on each side, for shifts and blur
_BLUR_PX = (0.3, 1.5)  # sigma
_REACH = 5  # px of the blur
_MOST = 2.5  # of the range of a picture: `ingest.rgb` restores clipped cores up to this


def augment(raw: Tensor, crop_px: int, effects: Collection[str], generator: torch.Generator) -> Tensor:
    """Change each cutout by its own draw.

    Parameters
    ----------
    raw : Tensor of shape (n, 3, h, w) [nanomaggies / pixel]
    crop_px : int
        Side that the encoder sees.
    effects : collection of str
        Of `EFFECTS`.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor of shape (n, 3, side, side)
        `crop_px` or a few more.
    """
    cut = images.augment(raw, min(raw.shape[-1], crop_px + 2 * MARGIN_PX), generator)
    column = (len(cut), 1, 1, 1)

    def uniform(shape: tuple[int, ...] = column) -> Tensor:
        return torch.rand(shape, generator=generator).to(cut.device)

    def normal(shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=generator).to(cut.device)

    if "seeing" in effects:
        low, high = _BLUR_PX
        blurred = blur(cut, (low + (high - low) * uniform())[:, 0, 0, 0])
        cut = torch.where(uniform() < 0.35, blurred, cut)
    if "zero_points" in effects:
        cut = cut * (1 + 0.03 * normal((len(cut), 3, 1, 1)))
    if "sky" in effects:
        cut = cut + 0.02 * uniform() * (uniform() < 0.5) * normal(tuple(cut.shape))
    if "picture" in effects:
        shown = picture(cut, uniform(), normal(tuple(cut.shape)))
        cut = torch.where(uniform() < 0.4, shown, cut)
    return cut


def blur(cut: Tensor, sigma: Tensor) -> Tensor:
    """Blur each cutout by a Gaussian of its own.

    Parameters
    ----------
    cut : Tensor of shape (n, 3, h, w)
    sigma : Tensor of shape (n,) [pixel]

    Returns
    -------
    Tensor of shape (n, 3, h, w)
    """
    n, bands, height, width = cut.shape
    offset = torch.arange(-_REACH, _REACH + 1, device=cut.device)
    kernel = torch.exp(-0.5 * (offset / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(bands, 0)[:, None]
    flat = F.pad(cut.reshape(1, n * bands, height, width), (_REACH,) * 4, "replicate")
    flat = F.conv2d(flat, kernel[:, :, None], groups=n * bands)
    return F.conv2d(flat, kernel[..., None], groups=n * bands).view(cut.shape)


def picture(cut: Tensor, restored: Tensor, noise: Tensor) -> Tensor:
    """Go through a colour picture of the Legacy Surveys and back, as `ingest.rgb` does.

    Parameters
    ----------
    cut : Tensor of shape (n, 3, h, w) [nanomaggies / pixel]
    restored : Tensor of shape (n, 1, 1, 1)
        Share of what was clipped that is restored.
    noise : Tensor of shape (n, 3, h, w)
        Of unit scatter: what JPEG loses is about one step of brightness.

    Returns
    -------
    Tensor of shape (n, 3, h, w) [nanomaggies / pixel]
    """
    scales = torch.tensor(tables.DISPLAY_SCALES, device=cut.device).view(1, 3, 1, 1)
    root = images.SOFTENING**0.5
    scaled = cut * scales + images.OFFSET
    intensity = scaled.clamp(min=0).mean(1, keepdim=True) + 1e-6
    shown = scaled * (images.SOFTENING * intensity).asinh() / root / intensity
    shown = torch.where(shown > 1, 1 + (shown - 1) * restored, shown).clamp(0, _MOST)
    shown = ((255 * shown + 0.8 * noise).round() / 255).clamp(min=0)
    mean = shown.mean(1, keepdim=True)
    gain = torch.sinh(root * mean) / images.SOFTENING / mean.clamp(min=1e-9)
    return (shown * gain - images.OFFSET) / scales
