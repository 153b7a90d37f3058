"""Noise-free spectra as the survey takes them, on the device that trains: each batch by another draw.

The noise model is that of `mock.spectra.observe`, where its numbers and their reasons stand.
"""

import functools
from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import Tensor

from galaxypair import degraded_spectra
from galaxypair.degraded_spectra import normal, uniform
from galaxypair.mock import spectra

NO_ZERO = 1e-9  # in place of exactly 0, which is kept for pixels without data


def with_spectrum(
    batch: dict[str, Tensor], generator: torch.Generator, effects: Collection[str] = ()
) -> dict[str, Tensor]:
    """Observe a batch of noise-free light; any other batch stays as it is.

    Parameters
    ----------
    batch : dict
        Of a stream of spectra: `continuum` and `lines` (n, 7781), and columns of the galaxies.
    generator : torch.Generator
    effects : collection of str
        As for `observe`.

    Returns
    -------
    dict
        With `spectrum` (n, 7781), float32.
    """
    if "continuum" not in batch:
        return batch
    # bfloat16 has too few digits
    with torch.no_grad(), torch.autocast(batch["continuum"].device.type, enabled=False):
        return batch | {"spectrum": observe(batch["continuum"], batch["lines"], batch, generator, effects)}


def observe(
    continuum: Tensor,
    lines: Tensor,
    galaxies: Mapping[str, Tensor],
    generator: torch.Generator,
    effects: Collection[str] = (),
) -> Tensor:
    """Observe spectra: photon and read noise, sky residuals, calibration errors, cosmic rays.

    Parameters
    ----------
    continuum, lines : Tensor of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
        From `mock.spectra.fibre_components`.
    galaxies : mapping of str to Tensor of shape (n,)
        `z` and `bright_sample`.
    generator : torch.Generator
        On the device of the spectra.
    effects : collection of str
        Of `degraded_spectra.EFFECTS`: what other surveys' spectra have beside.

    Returns
    -------
    Tensor of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
        Exactly 0 where an effect took the data away, and nowhere else.
    """
    flux = degraded_spectra.source(continuum, lines, effects, generator)
    level = noise_level(galaxies["z"], galaxies["bright_sample"], generator)[:, None]
    sigma = degraded_spectra.noise(level, flux, effects, generator)
    noise = degraded_spectra.unit_noise(flux.shape, effects, generator) + sky_residuals(len(flux), generator)
    observed = flux * calibration_error(len(flux), generator) + sigma * noise
    add_cosmic_rays(observed, sigma, generator)
    observed.masked_fill_(observed == 0, NO_ZERO)
    return degraded_spectra.reduction(observed, effects, generator)


def noise_level(z: Tensor, bright_sample: Tensor, generator: torch.Generator) -> Tensor:
    """Draw the noise per pixel at 6600 Angstrom: bright-time exposures, and deeper ones.

    Parameters
    ----------
    z : Tensor of shape (n,)
    bright_sample : Tensor of shape (n,), bool
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n,) [1e-17 erg / s / cm2 / Angstrom]
    """
    limits, levels = (_constants(generator.device)[name] for name in ("depth_limits", "levels"))
    kind = torch.where(bright_sample, 2, (z > spectra.DEEP_FROM_Z).long())
    level = levels[(uniform((len(z), 1), generator) >= limits[kind]).sum(1)]
    return level * 10 ** (spectra.LEVEL_SCATTER * normal((len(z),), generator))


def sky_residuals(n: int, generator: torch.Generator) -> Tensor:
    """Draw what an imperfect sky model leaves of its lines.

    Parameters
    ----------
    n : int
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n, 7781), in units of the noise
    """
    curves = _constants(generator.device)
    return (normal((n, 2), generator) * curves["residual_scale"]) @ curves["residuals"]


def calibration_error(n: int, generator: torch.Generator) -> Tensor:
    """Draw the multiplicative error of the flux calibration: a tilt and a wavy curve.

    Parameters
    ----------
    n : int
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n, 7781), about 1
    """
    share, strong, weak = spectra.TILTS
    scale = torch.where(uniform((n, 1), generator) < share, strong, weak)
    weight = _constants(generator.device)["knots"]  # (knots, 7781)
    place = torch.linspace(-0.5, 0.5, len(weight), device=generator.device)
    tilt = torch.exp(scale * normal((n, 1), generator) * place)
    return ((1 + spectra.CURVE_SCATTER * normal((n, len(weight)), generator)) * tilt) @ weight


def add_cosmic_rays(observed: Tensor, sigma: Tensor, generator: torch.Generator) -> None:
    """Add the cosmic rays that masking missed, one per spectrum on average, in place.

    Parameters
    ----------
    observed, sigma : Tensor of shape (n, 7781)
        Spectra and their noise.
    generator : torch.Generator
    """
    n, device = len(observed), generator.device
    hits = int(torch.poisson(torch.tensor(float(n), device=device), generator))
    row = torch.randint(n, (hits,), generator=generator, device=device)
    pixel = torch.randint(observed.shape[1] - 1, (hits,), generator=generator, device=device)
    low, high = spectra.COSMIC_RAYS
    height = sigma[row, pixel] * 10 ** (low + (high - low) * uniform((hits,), generator))
    observed.index_put_((row, pixel), height, accumulate=True)
    observed.index_put_((row, pixel + 1), height * uniform((hits,), generator), accumulate=True)


@functools.cache
def _constants(device: torch.device) -> dict[str, Tensor]:
    """Numbers of the noise model, on a device."""
    known = {
        "residuals": spectra.SKY_RESIDUALS,
        "residual_scale": spectra.RESIDUAL_SCALE,
        "levels": spectra.NOISE_LEVELS,
        "depth_limits": spectra.DEPTH_SHARES.cumsum(1)[:, :2],
        "knots": spectra.CALIBRATION_KNOTS,
    }
    return {name: torch.tensor(np.array(v), dtype=torch.float32).to(device) for name, v in known.items()}
