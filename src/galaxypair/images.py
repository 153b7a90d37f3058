"""Cutouts on their way into a model: crop, stretch, augmentations drawn for each galaxy."""

import torch
import torch.nn.functional as F
from torch import Tensor

from galaxypair import tables
from galaxypair.errors import ConfigError

OFFSET, SOFTENING = 0.03, 20.0  # of the colours of the Legacy Surveys
# of the square: where in the cut the row and the column come from, as (steps along the result's rows, along
# its columns, and from the other end or not); turned by 0 to 270 degrees, then the same mirrored
SYMMETRIES = torch.tensor([
    [[1, 0, 0], [0, 1, 0]],
    [[0, 1, 0], [-1, 0, 1]],
    [[-1, 0, 1], [0, -1, 1]],
    [[0, -1, 1], [1, 0, 0]],
    [[1, 0, 0], [0, -1, 1]],
    [[0, 1, 0], [1, 0, 0]],
    [[-1, 0, 1], [0, 1, 0]],
    [[0, -1, 1], [-1, 0, 1]],
])  # fmt: skip


def to_channels_first(images: Tensor) -> Tensor:
    """Bring cutouts from the layout on disk to the one in models.

    Parameters
    ----------
    images : Tensor of shape (n, h, w, 3)

    Returns
    -------
    Tensor of shape (n, 3, h, w)
    """
    return images.permute(0, 3, 1, 2)


def center_crop(images: Tensor, crop_px: int) -> Tensor:
    """Cut the central square.

    Parameters
    ----------
    images : Tensor of shape (n, 3, h, w)
    crop_px : int

    Returns
    -------
    Tensor of shape (n, 3, crop_px, crop_px)

    Raises
    ------
    ConfigError
        If the images are smaller.
    """
    if min(images.shape[-2:]) < crop_px:
        raise ConfigError(
            f"Images of {images.shape[-1]} pixels, but the model looks at the central {crop_px}. Set "
            f"`preprocess.crop_px` to {crop_px} or more."
        )
    top, left = ((size - crop_px) // 2 for size in images.shape[-2:])
    return images[..., top : top + crop_px, left : left + crop_px]


def asinh_stretch(images: Tensor, softening: float = 20.0) -> Tensor:
    """Compress the dynamic range, linear at the noise and logarithmic in bright cores.

    Parameters
    ----------
    images : Tensor of shape (n, 3, h, w) [nanomaggies / pixel]
    softening : float, default=20

    Returns
    -------
    Tensor of shape (n, 3, h, w), of order one

    Notes
    -----
    Each band by itself (Lupton et al. 2004 without the common intensity), so that colours stay
    separate channels. Published encoders need their own stretches.
    """
    scales = torch.tensor(tables.DISPLAY_SCALES, device=images.device).view(1, 3, 1, 1)
    x = images * scales * softening
    # torch.asinh is not vectorised on CPUs: a third of the time of a training step
    return torch.log(x.abs() + (x.square() + 1).sqrt()).copysign(x) / 3


def stein_rgb(images: Tensor) -> Tensor:
    """Stretch to the colours that the weights of Stein et al. were trained with, flaw included.

    Parameters
    ----------
    images : Tensor of shape (n, 3, h, w) [nanomaggies / pixel]
        Bands g, r, z.

    Returns
    -------
    Tensor of shape (n, 3, h, w), in [0, 1]
        In the order z, r, g.

    Notes
    -----
    In the intended stretch (`rgb.to_rgb`) the offset is added to each band and the sum is scaled by
    the common intensity. In theirs only the offset is scaled, and multiplies the band: next to linear,
    and bright cores saturate. Known to its authors (their issue 2); weights that were trained on it
    need it.
    """
    x = images.flip(1)
    scales, _, ratio = _common_stretch(x)
    return (x * (scales + OFFSET * ratio)).clamp(0, 1)


def to_rgb(images: Tensor) -> Tensor:
    """Stretch to the colours that AstroCLIP's image encoder was trained with.

    Parameters
    ----------
    images : Tensor of shape (n, 3, h, w) [nanomaggies / pixel]
        Bands g, r, z.

    Returns
    -------
    Tensor of shape (n, 3, h, w), in [0, 1]
        In the order z, r, g.

    Notes
    -----
    As `rgb.to_rgb`, which is for the eye, but for what is divided where there is no intensity.
    """
    _, scaled, ratio = _common_stretch(images.flip(1))
    return (scaled * ratio).clamp(0, 1)


def _common_stretch(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scales of the bands z, r, g, scaled bands, and stretched over linear intensity of all bands."""
    scales = torch.tensor(tables.DISPLAY_SCALES[::-1], device=x.device).view(1, 3, 1, 1)
    scaled = x * scales + OFFSET
    intensity = scaled.clamp(min=0).mean(1, keepdim=True)
    stretched = (SOFTENING * intensity).asinh() / SOFTENING**0.5
    # where all bands are far below zero there is no intensity, and nothing to divide
    return scales, scaled, stretched / torch.where(intensity == 0, 1e-6, intensity)


def augment(images: Tensor, crop_px: int, generator: torch.Generator) -> Tensor:
    """Turn, mirror and shift each galaxy by its own draw, then crop.

    Parameters
    ----------
    images : Tensor of shape (n, 3, h, w)
    crop_px : int
        Side of the result; shifts go up to the margin that is left, at most 4 px.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor of shape (n, 3, crop_px, crop_px)

    Notes
    -----
    The reproduction draws one angle for a whole batch of 512; here every galaxy has its own. Only
    the eight symmetries of the square are used: they need no interpolation. One gather for all
    galaxies, on whichever device they are.
    """
    n, side = len(images), images.shape[-1]
    margin = (side - crop_px) // 2
    reach = min(4, margin)
    shift = torch.randint(-reach, reach + 1, (n, 2), generator=generator) + margin
    symmetry = SYMMETRIES[torch.randint(len(SYMMETRIES), (n,), generator=generator)]
    # the place of the result's pixel (row, column) in its image, counted along the rows
    along_row, along_column, start = (symmetry * torch.tensor([[side], [1]])).sum(1).unbind(1)
    start = start * (crop_px - 1) + shift[:, 0] * side + shift[:, 1] + torch.arange(n) * side**2
    steps = torch.arange(crop_px, device=images.device)
    first, down, right = (x.to(images.device).view(n, 1, 1) for x in (start, along_row, along_column))
    places = (first + down * steps[:, None]) + right * steps  # (n, crop_px, crop_px)
    pixels = images.permute(0, 2, 3, 1).reshape(-1, 3)
    return to_channels_first(pixels.index_select(0, places.view(-1)).view(n, crop_px, crop_px, 3))


def rotate(images: Tensor, crop_px: int, reach_deg: float, generator: torch.Generator) -> Tensor:
    """Turn each galaxy by an angle of its own, mirror it along either axis or not, then crop.

    Parameters
    ----------
    images : Tensor of shape (n, 3, h, w)
    crop_px : int
        Side of the result.
    reach_deg : float
        Angles are uniform up to this, either way.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor of shape (n, 3, crop_px, crop_px)
        Interpolated bilinearly; 0 where the turned square looks beyond the images.

    Notes
    -----
    The augmentations of the reproduction of AstroCLIP, which draws once for a whole batch.
    """
    n, side = len(images), images.shape[-1]
    angle = torch.deg2rad(reach_deg * (2 * torch.rand(n, generator=generator) - 1))
    mirror = 1 - 2 * torch.randint(2, (2, n), generator=generator)
    # from places in the result, -1 ... 1 over its side, to places in the image
    cos, sin = (f(angle) * crop_px / side for f in (torch.cos, torch.sin))
    zero = torch.zeros(n)
    rows = [cos * mirror[0], -sin * mirror[1], zero, sin * mirror[0], cos * mirror[1], zero]
    theta = torch.stack(rows, 1).view(n, 2, 3).to(images)
    places = F.affine_grid(theta, [n, 3, crop_px, crop_px], align_corners=False)
    return F.grid_sample(images, places, align_corners=False)
