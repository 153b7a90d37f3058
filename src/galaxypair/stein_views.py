"""Views of a galaxy as the survey might have taken them too: the augmentations of Stein et al. (2021)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# of the bands g, r, z
REDDENING = (-1.2856, -0.866, -0.4844)  # log10 of the transmission per magnitude of E(B-V)
# The survey's own distribution of each quantity: shift + exp(normal), of which the second numbers are the
# median and the scatter of the logarithm; and the range that views are drawn from
EBV = (0.001146, 0.03338, 0.67306)
PSF = (
    (1.0807153, 1.2394326, 1.1928363),
    (1.3153171, 0.9164757, 0.8233702),
    (0.2109966, 0.3008485, 0.3471172),
)
PSF_RANGE = ((1.3233109, 1.2667341, 1.2126263), (5.0, 4.5, 4.25))  # sigma [pixel]
NOISE = (
    (-0.0006735, -0.0023663, -0.0143416),
    (0.0037602, 0.0067417, 0.0260779),
    (0.2264926, 0.2431146, 0.1334844),
)
NOISE_RANGE = ((0.001094, 0.001094, 0.001094), (0.013, 0.018, 0.061))  # sigma [nanomaggies / pixel]


@dataclass(frozen=True)
class Reach:
    """How far views go.

    Attributes
    ----------
    ebv_max : float
        Largest reddening E(B-V) [mag].
    size_change : float
        Sizes change by a factor of up to 1 -+ this.
    jitter_px : int
        Largest shift of the centre along either axis.
    """

    ebv_max: float = 1.0
    size_change: float = 0.1
    jitter_px: int = 7


def draw(images: Tensor, crop_px: int, reach: Reach, generator: torch.Generator) -> Tensor:
    """Redden, turn, mirror, scale, shift and crop, blur and add noise, each galaxy by its own draw.

    Parameters
    ----------
    images : Tensor of shape (n, 3, h, w) [nanomaggies / pixel]
        Bands g, r, z.
    crop_px : int
        Side of the result.
    reach : Reach
    generator : torch.Generator
        Its device is where small numbers are drawn; the noise is drawn there too.

    Returns
    -------
    Tensor of shape (n, 3, crop_px, crop_px) [nanomaggies / pixel]

    Notes
    -----
    Their order, their distributions (published code georgestein/ssl-legacysurvey, MIT licence, with its
    default flags). A galaxy has an E(B-V), a PSF and a noise already; theirs and so these are drawn from the
    survey's distribution, and a view changes by the difference to what is drawn for it: the transmission by
    the quotient, PSF and noise only upwards, in squares. Not as theirs: all changes of place are one
    bilinear interpolation instead of two and a cut; what lies beyond a cutout mirrors it instead of being 0
    (theirs had 152 pixels to turn, shards may have 112); the blur ends at the crop.
    """
    reddened = images * transmission(len(images), reach.ebv_max, generator)[:, :, None, None].to(images)
    moved = move(reddened, crop_px, reach, generator)
    blurred = blur(moved, added(PSF, PSF_RANGE, len(images), generator).to(images))
    sigma = added(NOISE, NOISE_RANGE, len(images), generator)[:, :, None, None]
    noise = torch.randn(blurred.shape, generator=generator, device=generator.device)
    return blurred + (sigma * noise).to(images)


def transmission(n: int, ebv_max: float, generator: torch.Generator) -> Tensor:
    """Draw how much brighter each band gets if the dust in front of a galaxy changes.

    Parameters
    ----------
    n : int
    ebv_max : float
        New E(B-V) are uniform from 0 to this [mag]; 0 leaves the images as they are.
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n, 3)
    """
    device = generator.device
    if ebv_max == 0:
        return torch.ones(n, 3, device=device)
    shift, median, scatter = EBV
    old = shift + median * torch.exp(scatter * torch.randn(n, 1, generator=generator, device=device))
    new = ebv_max * torch.rand(n, 1, generator=generator, device=device)
    return 10 ** ((new - old) * torch.tensor(REDDENING, device=device))


def move(images: Tensor, crop_px: int, reach: Reach, generator: torch.Generator) -> Tensor:
    """Turn by any angle, mirror or not, scale and shift, in one interpolation, then crop.

    Parameters
    ----------
    images : Tensor of shape (n, 3, h, w)
    crop_px : int
    reach : Reach
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n, 3, crop_px, crop_px)
    """
    n, side, device = len(images), images.shape[-1], generator.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    angle = 2 * torch.pi * uniform(n)
    mirror = 1 - 2 * torch.randint(2, (2, n), generator=generator, device=device)
    scale = 1 + reach.size_change * (2 * uniform(n) - 1)
    jitter = torch.randint(-reach.jitter_px, reach.jitter_px + 1, (2, n), generator=generator, device=device)
    # from places in the result, -1 ... 1 over its side, to places in the image
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(n, 2, 2)
    turn = turn * mirror.T[:, :, None] / scale[:, None, None]
    shift = turn @ (2 * jitter.T[:, :, None] / side)
    theta = torch.cat([turn * crop_px / side, shift], 2).to(images)
    places = F.affine_grid(theta, [n, 3, crop_px, crop_px], align_corners=False)
    return F.grid_sample(images, places, padding_mode="reflection", align_corners=False)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Smooth each band of each galaxy by its own Gaussian.

    Parameters
    ----------
    images : Tensor of shape (n, 3, side, side)
    sigma : Tensor of shape (n, 3) [pixel]
        0 leaves the band as it is.

    Returns
    -------
    Tensor of shape (n, 3, side, side)

    Notes
    -----
    As products with the matrices of the Gaussians, whose rows add up to 1 at the edges too: on a CPU much
    faster than some hundred convolutions with as many kernels.
    """
    pixel = torch.arange(images.shape[-1], device=images.device)
    distance = (pixel[:, None] - pixel).square() / 2
    kernel = torch.softmax(-distance / sigma.clamp(min=0.05).square()[:, :, None, None], -1)
    return kernel @ images @ kernel.mT


def added(
    usual: tuple[tuple[float, ...], ...],
    wanted: tuple[tuple[float, ...], ...],
    n: int,
    generator: torch.Generator,
) -> Tensor:
    """Draw the sigma by which galaxies of the survey reach one that is wanted.

    Parameters
    ----------
    usual : tuple of three tuples of three floats
        Shift, median and scatter of the sigma that a galaxy has, for each band.
    wanted : tuple of two tuples of three floats
        Range of the sigma of a view.
    n : int
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n, 3)
        0 where the galaxy has more than is wanted.
    """
    device = generator.device
    shift, median, scatter = torch.tensor(usual, device=device)
    low, high = torch.tensor(wanted, device=device)
    has = shift + median * torch.exp(scatter * torch.randn(n, 3, generator=generator, device=device))
    aim = low + (high - low) * torch.rand(n, 3, generator=generator, device=device)
    return (aim.square() - has.square()).clamp(min=0).sqrt()
