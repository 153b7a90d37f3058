"""Distributions of the redshift on bins of equal size in ln(1 + z), and what is read off them.

The last class after the bins is "no galaxy below `Z_MAX`": a star, a quasar, a galaxy further away, noise.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from galaxypair.spectra import LOG_STEP

Z_MAX = 0.85
STEP = 4 * LOG_STEP  # of ln(1 + z), 294 km/s; the first bin is centred on z = 0
N_BINS = int(math.log1p(Z_MAX) / STEP) + 1
N_CLASSES = N_BINS + 1
OTHER = N_BINS  # the class of what is no galaxy in the range
OUTLIER = 0.05  # |dz| / (1 + z) of a wrong redshift, as is usual for photometric ones
PEAK = 0.004  # half width in ln(1 + z) of what counts as one peak
LEVELS = (0.16, 0.84)  # of the 68 % interval


def position(z: Tensor) -> Tensor:
    """Tell where redshifts lie on the bins.

    Parameters
    ----------
    z : Tensor of shape (n,)

    Returns
    -------
    Tensor of shape (n,)
        In units of bins from the centre of the first.
    """
    return torch.log1p(z) / STEP


def log_likelihood(logits: Tensor, z: Tensor, galaxy: Tensor) -> Tensor:
    """Score distributions by what is true.

    Parameters
    ----------
    logits : Tensor of shape (n, N_CLASSES)
    z : Tensor of shape (n,)
        Between 0 and `Z_MAX` for galaxies.
    galaxy : Tensor of shape (n,), bool
        False for what is no galaxy in the range.

    Returns
    -------
    Tensor of shape (n,)
        Between two bins: the mean of both, weighted by closeness, so that a distribution learns where in a
        bin it lies.
    """
    log_p = logits.log_softmax(1)
    at = position(z).clamp(0, N_BINS - 1)
    low = at.floor().long().clamp(max=N_BINS - 2)
    part = at - low
    both = log_p.gather(1, torch.stack([low, low + 1], 1))
    of_galaxy = (1 - part) * both[:, 0] + part * both[:, 1]
    return torch.where(galaxy, of_galaxy, log_p[:, OTHER])


def estimate(logits: Tensor) -> dict[str, Tensor]:
    """Read redshift, interval and confidence off distributions.

    Parameters
    ----------
    logits : Tensor of shape (n, N_CLASSES)
        Calibrated.

    Returns
    -------
    dict of str to Tensor of shape (n,)
        ``z``: mean of the highest peak; ``low`` and ``high``: 16th and 84th percentile, if it is a galaxy;
        ``confidence``: probability that it is one, and that z is wrong by less than `OUTLIER`;
        ``other``: probability that it is no galaxy in the range.
    """
    p = logits.double().softmax(1)
    galaxy, other = p[:, :OTHER], p[:, OTHER]
    reach = round(PEAK / STEP)
    mass = F.avg_pool1d(F.pad(galaxy, (reach, reach))[:, None], 2 * reach + 1, 1)[:, 0]
    peak = (mass.argmax(1, keepdim=True) + torch.arange(-reach, reach + 1)).clamp(0, N_BINS - 1)
    weight = galaxy.gather(1, peak)
    at = (weight * peak).sum(1) / weight.sum(1)
    places = torch.arange(N_BINS)
    near = (places - at[:, None]).abs() * STEP <= math.log1p(OUTLIER)
    low, high = (percentile(galaxy, level) for level in LEVELS)
    return {
        "z": torch.expm1(at * STEP),
        "low": torch.expm1(low * STEP),
        "high": torch.expm1(high * STEP),
        "confidence": (galaxy * near).sum(1),
        "other": other,
    }


def percentile(p: Tensor, level: float) -> Tensor:
    """Find a percentile of distributions, each bin's mass spread evenly over it.

    Parameters
    ----------
    p : Tensor of shape (n, N_BINS), float64
        Need not add up to one.
    level : float
        Between 0 and 1.

    Returns
    -------
    Tensor of shape (n,)
        Position as `position` gives it, at least 0.
    """
    cumulative = p.cumsum(1) / p.sum(1, keepdim=True)
    at = torch.searchsorted(cumulative, torch.full((len(p), 1), level, dtype=p.dtype)).clamp(max=N_BINS - 1)
    after = cumulative.gather(1, at)
    before = F.pad(cumulative, (1, 0)).gather(1, at)
    return (at - 0.5 + (level - before) / (after - before).clamp(min=1e-12))[:, 0].clamp(min=0)


def combine(first: Tensor, second: Tensor, log_prior: Tensor) -> Tensor:
    """Combine what two modalities say of the same galaxies, each given the redshift independent of the other.

    Parameters
    ----------
    first, second : Tensor of shape (n, N_CLASSES)
        Calibrated logits.
    log_prior : Tensor of shape (N_CLASSES,)
        That both have learnt: the population that they were trained on.

    Returns
    -------
    Tensor of shape (n, N_CLASSES)
        p(z | a, b) ~ p(z | a) p(z | b) / p(z).
    """
    return first.log_softmax(1) + second.log_softmax(1) - log_prior
