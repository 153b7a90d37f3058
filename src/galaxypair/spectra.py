"""Spectra on their way into a model: continuum and lines apart, augmentations for each galaxy."""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from galaxypair import tables

N_CHANNELS, N_BINS, N_SUMMARY = 2, tables.N_WAVELENGTH // 2, 3  # what `split_continuum` makes
N_LOG_BINS = 4096  # of `log_bins`
LOG_STEP = math.log(tables.WAVELENGTH_MAX / tables.WAVELENGTH_MIN) / N_LOG_BINS
WINDOW, STRIDE = 20, 10  # bins of the windows of `window_tokens`
TOKEN_LENGTH = 2 + WINDOW
FLUX_LIMIT = 1e8  # far beyond any galaxy; no square overflows below it


def box_mean(values: Tensor, weights: Tensor, width: int) -> Tensor:
    """Weighted running mean.

    Parameters
    ----------
    values, weights : Tensor of shape (n, length)
    width : int
        Odd number of bins.

    Returns
    -------
    Tensor of shape (n, length)
        0 where no weight lies within the window.
    """

    def total(x: Tensor) -> Tensor:
        # float64: a running sum over thousands of bins loses the noise in float32
        cumulative = F.pad(x.double().cumsum(1), (1, 0))
        padded = F.pad(cumulative, (width // 2, 0))
        padded = torch.cat([padded, cumulative[:, -1:].expand(-1, width // 2)], 1)
        return padded[:, width:] - padded[:, :-width]

    weight = total(weights)
    return torch.where(weight > 1e-6, total(values * weights) / weight.clamp(min=1e-6), 0.0).float()


def split_continuum(flux: Tensor) -> tuple[Tensor, Tensor]:
    """Split spectra into continuum shape and line features, each scaled by what is local to it.

    Parameters
    ----------
    flux : Tensor of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
        Exactly 0 where there is no data.

    Returns
    -------
    channels : Tensor of shape (n, 2, 3890), float32
        Bins of 1.6 Angstrom, 0 without data. Channel 0: smoothed flux minus its mean, over its own
        scatter, cut at 6; channel 1: arcsinh of flux minus smoothed flux, over the local noise.
    summary : Tensor of shape (n, 3), float32
        What the scaling took away: arcsinh of the mean flux, log of the continuum's scatter, log
        of scatter over noise.

    Notes
    -----
    What made a small network learn redshifts in minutes: absolute scale and slope of a spectrum
    carry little of them, position of breaks and lines all. A running mean of 162 then 82
    Angstrom keeps the 4000 Angstrom break in the continuum channel and the lines in the other.
    """
    mask = (flux != 0).float()
    flux = pair_mean(flux * mask, mask)
    mask = pair_mean(mask, torch.ones_like(mask))
    mean = (flux * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
    centred = (flux - mean) * (mask > 0)
    smooth = box_mean(box_mean(centred, mask, 101), mask, 51)
    lines = (centred - smooth) * (mask > 0)
    variance = (smooth.square() * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
    scatter = variance.sqrt().clamp(min=1e-3)
    # mean |x| = 0.80 sigma for normal noise
    noise = box_mean(lines.abs(), mask, 151).clamp(min=1e-4) * 1.25
    channels = torch.stack([(smooth / scatter).clamp(-6, 6), torch.asinh(lines / noise)], 1)
    channels = channels * (mask > 0)[:, None]
    typical = (noise * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
    summary = torch.cat([torch.asinh(mean), scatter.log(), (scatter / typical.clamp(min=1e-4)).log()], 1)
    return channels, summary


def pair_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Average neighbouring bins two by two.

    Parameters
    ----------
    values, weights : Tensor of shape (n, 7781)
        An odd last bin is left out.

    Returns
    -------
    Tensor of shape (n, 3890)
    """
    even = values.shape[1] // 2 * 2
    v, w = (x[:, :even].reshape(len(x), -1, 2) for x in (values, weights))
    return (v * w).sum(2) / w.sum(2).clamp(min=1)


def log_bins(channels: Tensor) -> Tensor:
    """Average into bins of equal size in the logarithm of the wavelength, where a redshift is a shift.

    Parameters
    ----------
    channels : Tensor of shape (n, c, 3890), float32
        On the bins of `split_continuum`.

    Returns
    -------
    Tensor of shape (n, c, 4096), float32
        From 3600 to 9824 Angstrom; 73 km/s each.
    """
    index, part = _log_edges(channels.device)
    values = channels.double()  # as in `box_mean`
    below = F.pad(values.cumsum(2), (1, 0))[:, :, index] + part * values[:, :, index]
    return (below.diff(dim=2) / (index + part).diff()).float()


@functools.cache
def _log_edges(device: torch.device) -> tuple[Tensor, Tensor]:
    """Edges of the logarithmic bins in units of pairs of bins: whole pairs, and the share of the next."""
    step = (tables.WAVELENGTH_MAX - tables.WAVELENGTH_MIN) / (tables.N_WAVELENGTH - 1)
    edges = torch.arange(N_LOG_BINS + 1, dtype=torch.float64, device="cpu") * LOG_STEP
    edges = tables.WAVELENGTH_MIN * torch.exp(edges)
    # the first bin of 0.8 Angstrom is centred on the first wavelength
    place = ((edges - tables.WAVELENGTH_MIN) / step + 0.5) / 2
    place = place.clamp(0, N_BINS)
    index = place.floor().long().clamp(max=N_BINS - 1)
    return index.to(device), (place - index).to(device)


def over_rest_median(flux: Tensor, z: Tensor) -> Tensor:
    """Divide each spectrum by its median between 5300 and 5850 Angstrom in the rest frame, as spender does.

    Parameters
    ----------
    flux : Tensor of shape (n, 7781), float32
        Exactly 0 where there is no data.
    z : Tensor of shape (n,), float32
        NaN where unknown.

    Returns
    -------
    Tensor of shape (n, 7781), float32

    Notes
    -----
    spender drops galaxies without a positive median there. Here every galaxy stays: without one (no
    redshift, no data in the window, or a median of noise below zero) the scale is the median of
    |flux| over all that there is, and 1 for a spectrum that is zero throughout.
    """
    rest = torch.linspace(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, flux.shape[1], device=flux.device)
    rest = rest / (1 + z[:, None])
    data = flux != 0
    missing = flux.new_tensor(torch.nan)
    window = torch.where(data & (rest > 5300) & (rest < 5850), flux, missing)
    scale = window.nanmedian(1, keepdim=True).values
    overall = torch.where(data, flux.abs(), missing).nanmedian(1, keepdim=True).values.nan_to_num(1.0)
    return flux / torch.where(scale > 0, scale, overall)


def window_tokens(flux: Tensor) -> Tensor:
    """Cut spectra into the tokens that AstroCLIP's encoder was trained on.

    Parameters
    ----------
    flux : Tensor of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]

    Returns
    -------
    Tensor of shape (n, 778, 22), float32
        A header, which tells mean and scatter of the spectrum, then overlapping windows of the scaled
        spectrum, each behind two zeros.

    Notes
    -----
    The scatter is at least 0.2, so that a spectrum that is zero throughout has finite tokens. The last
    bin lies in no window: a partial one would hold it, which the original leaves out.
    """
    flux = flux.clamp(-FLUX_LIMIT, FLUX_LIMIT)
    mean, std = flux.mean(1, keepdim=True), flux.std(1, keepdim=True).clamp(min=0.2)
    windows = ((flux - mean) / std).unfold(1, WINDOW, STRIDE)  # (n, 777, 20)
    tokens = F.pad(windows, (2, 0, 1, 0))
    tokens[:, 0, 0], tokens[:, 0, 1] = (mean[:, 0] - 2) / 2, (std[:, 0] - 2) / 8
    return tokens


def white_noise(flux: Tensor) -> Tensor:
    """Estimate the noise of a bin from the differences of neighbours.

    Parameters
    ----------
    flux : Tensor of shape (n, 7781), float32
        Exactly 0 where there is no data.

    Returns
    -------
    Tensor of shape (n, 1), float32
        At least 1e-4.
    """
    # median |difference of neighbours| = 0.954 sigma for white noise
    known = (flux[:, 1:] != 0) & (flux[:, :-1] != 0)
    step = flux.diff(dim=1).abs()
    if known.all():  # most batches: a median with gaps takes twice the time
        return step.median(dim=1, keepdim=True).values.clamp(min=1e-4) / 0.954
    typical = step.where(known, torch.nan).nanmedian(dim=1, keepdim=True).values
    return typical.nan_to_num(0).clamp(min=1e-4) / 0.954


def augment(flux: Tensor, generator: torch.Generator) -> Tensor:
    """Degrade each spectrum by its own draw: noise, calibration tilt, scale, cut ends.

    Parameters
    ----------
    flux : Tensor of shape (n, 7781), float32
        Exactly 0 where there is no data.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor of shape (n, 7781), float32

    Notes
    -----
    Each step stands for how another instrument's spectra differ: S/N; fibre size and seeing
    (scale); flux calibration (a quadratic in wavelength); spectrographs that start later or end
    earlier (SDSS: 3800-9200 Angstrom).
    """
    n = len(flux)
    uniform, normal = torch.rand(n, 6, generator=generator), torch.randn(n, 3, generator=generator)
    strength, noisy, blue, cut_blue, red, cut_red = uniform.to(flux.device).split(1, 1)
    slope, curvature, scale = normal.to(flux.device).split(1, 1)
    data = flux != 0
    low, high = tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX
    x = torch.linspace(-1, 1, flux.shape[1], device=flux.device)
    extra = 1.5 * strength.square() * (noisy < 0.5)
    noise = torch.randn(flux.shape, generator=_on(flux.device, generator), device=flux.device)
    out = flux + extra * white_noise(flux) * noise
    tilt = 0.15 * slope * x + 0.08 * curvature * (x.square() - 1 / 3)
    out = out * torch.exp(tilt + 0.25 * scale)
    wavelength = (low + high) / 2 + x * (high - low) / 2
    first = low + 300 * blue * (cut_blue < 0.5)
    last = high - 700 * red * (cut_red < 0.5)
    return out * (data & (wavelength >= first) & (wavelength <= last))


def _on(device: torch.device, generator: torch.Generator) -> torch.Generator:
    """Give a generator for a device, which the one on the CPU decides: numbers for each bin stay there."""
    if device.type == "cpu":
        return generator
    seed = torch.randint(2**62, (), generator=generator).item()
    return torch.Generator(device).manual_seed(seed)
