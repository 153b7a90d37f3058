"""What spectra of other surveys have beside the survey's own noise, so that a network has met it.

Each effect has a name, so that what it is good for on real spectra can be measured by leaving it out. They
act where they arise: on the light of the source, on the noise, or on the reduced spectrum.
"""

import functools
import math
from collections.abc import Collection

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from galaxypair.mock import spectra

EFFECTS = {  # name -> what it stands for
    "lines": "emission lines of other strength relative to the stars, or none",
    "templates": "real stars are not the library's: wiggles of the continuum by about 1 percent",
    "telluric": "absorption by the air, not corrected for",
    "resolution": "spectrographs of lower resolution",
    "depth": "any ratio of signal to noise, and another run of the noise with wavelength",
    "sky": "night-sky lines that are subtracted better or worse",
    "pixels": "noise of wider pixels (those of SDSS), which the survey's grid samples more than once",
    "tilt": "flux calibration of another kind: slope, curvature, scale",
    "ends": "spectrographs that start later or end earlier (SDSS: 3800 to 9200 Angstrom)",
    "gaps": "pieces without data",
}
_X = np.linspace(-1, 1, len(spectra.WAVELENGTH))
_TELLURIC = ((7620, 35, 1.0), (6890, 25, 0.4), (9350, 150, 0.2))  # Angstrom: centre, width; relative depth
_TEMPLATE_KNOTS = 60  # one in 100 Angstrom
_SDSS_STEP = 1e-4  # of log10 wavelength


def source(continuum: Tensor, lines: Tensor, effects: Collection[str], generator: torch.Generator) -> Tensor:
    """Change the light that arrives.

    Parameters
    ----------
    continuum, lines : Tensor of shape (n, 7781) [1e-17 erg / s / cm2 / Angstrom]
    effects : collection of str
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n, 7781)
    """
    n, curves = len(continuum), _curves(generator.device)
    column = (n, 1)
    flux = continuum + lines
    if "lines" in effects:
        strength = torch.where(
            uniform(column, generator) < 0.5, 10 ** (0.25 * normal(column, generator)), 1.0
        )
        strength = torch.where(uniform(column, generator) < 0.07, 0.0, strength)
        flux = continuum + lines * strength
    if "templates" in effects:
        at_knots = normal((n, _TEMPLATE_KNOTS), generator) * uniform(column, generator)
        flux = flux * (1 + 0.012 * at_knots @ curves["template_knots"])
    if "telluric" in effects:
        depth = 0.4 * uniform(column, generator) * (uniform(column, generator) < 0.25)
        flux = flux * (1 - depth * curves["telluric"])
    if "resolution" in effects:
        sigma = 2.6 * uniform(column, generator) * (uniform(column, generator) < 0.5) / spectra.STEP
        frequency = torch.fft.rfftfreq(flux.shape[1], device=flux.device)
        blur = torch.exp(-2 * (math.pi * frequency * sigma) ** 2)
        flux = torch.fft.irfft(torch.fft.rfft(flux) * blur, flux.shape[1])
    return flux


def noise(level: Tensor, flux: Tensor, effects: Collection[str], generator: torch.Generator) -> Tensor:
    """Compute the noise of each pixel.

    Parameters
    ----------
    level : Tensor of shape (n, 1) [1e-17 erg / s / cm2 / Angstrom]
        At 6600 Angstrom between sky lines, as the survey has it.
    flux : Tensor of shape (n, 7781) [1e-17 erg / s / cm2 / Angstrom]
    effects : collection of str
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n, 7781) [1e-17 erg / s / cm2 / Angstrom]
    """
    curves, column = _curves(generator.device), (len(flux), 1)
    shape, sky, sky_flux = curves["shape"], curves["sky"], torch.tensor(float(spectra.SKY_FLUX))
    if "depth" in effects:
        # half of the spectra: from 0.8 to 45 per pixel, and where the sky is as bright follows
        free = uniform(column, generator) < 0.5
        ratio = 10 ** (1.75 * uniform(column, generator) - 0.1)
        median = flux.abs().median(dim=1, keepdim=True).values
        level = torch.where(free & (median > 0), median / ratio, level)
        sky_flux = torch.where(free, 7 * level, sky_flux.to(flux.device))
        power = 0.2 + 1.1 * uniform(column, generator)
        shape = torch.where(uniform(column, generator) < 0.5, shape**power, shape)
    if "sky" in effects:
        share = 1.5 * uniform(column, generator)
        sky = sky * torch.where(uniform(column, generator) < 0.5, share, 1.0)
    return level * shape * torch.sqrt(1 + sky + flux.clamp(min=0) / sky_flux.clamp(min=1e-6))


def unit_noise(shape: tuple[int, int], effects: Collection[str], generator: torch.Generator) -> Tensor:
    """Draw noise of unit scatter.

    Parameters
    ----------
    shape : tuple of int
        (n, 7781).
    effects : collection of str
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n, 7781)
    """
    drawn = normal(shape, generator)
    if "pixels" not in effects:
        return drawn
    wide = (uniform((shape[0],), generator) < 0.35).nonzero()[:, 0]
    index, part, width = (_curves(generator.device)[k] for k in ("sdss_index", "sdss_part", "sdss_width"))
    counts = normal((len(wide), len(width)), generator) * width
    below = F.pad(counts.cumsum(1), (1, 0))[:, index] + part * counts[:, index]
    return drawn.index_copy(0, wide, below.diff(dim=1) / spectra.STEP)


def reduction(observed: Tensor, effects: Collection[str], generator: torch.Generator) -> Tensor:
    """Change the reduced spectrum.

    Parameters
    ----------
    observed : Tensor of shape (n, 7781)
    effects : collection of str
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n, 7781)
        Exactly 0 where there is no data.
    """
    n, curves = len(observed), _curves(generator.device)
    column, x, wavelength = (n, 1), curves["x"], curves["wavelength"]
    if "tilt" in effects:
        slope, curvature, scale = (normal(column, generator) for _ in range(3))
        bent = 0.15 * slope * x + 0.08 * curvature * (x.square() - 1 / 3)
        observed = observed * torch.exp(bent + 0.3 * scale)
    known = torch.ones_like(observed, dtype=torch.bool)
    if "ends" in effects:
        blue, red = (uniform(column, generator) * (uniform(column, generator) < 0.5) for _ in range(2))
        known &= (wavelength >= wavelength[0] + 300 * blue) & (wavelength <= wavelength[-1] - 800 * red)
    if "gaps" in effects:
        for _ in range(2):
            start = wavelength[0] + 6200 * uniform(column, generator)
            width = 250 * uniform(column, generator) ** 2 * (uniform(column, generator) < 0.15)
            known &= (wavelength <= start) | (wavelength >= start + width)
    return observed * known


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw from the standard normal distribution, on the generator's device."""
    return torch.randn(shape, generator=generator, device=generator.device)


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw evenly between 0 and 1, on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


@functools.cache
def _curves(device: torch.device) -> dict[str, Tensor]:
    """Functions of the wavelength, on a device."""
    knots = np.linspace(-1, 1, _TEMPLATE_KNOTS)
    bands = [d * np.exp(-(((spectra.WAVELENGTH - c) / w) ** 2)) for c, w, d in _TELLURIC]
    edges = 10 ** np.arange(np.log10(3550), np.log10(9900), _SDSS_STEP)
    pixel_edges = spectra.WAVELENGTH[0] + spectra.STEP * (np.arange(len(_X) + 1) - 0.5)
    place = np.interp(pixel_edges, edges, np.arange(len(edges)))
    known = {
        "x": _X,
        "wavelength": spectra.WAVELENGTH,
        "shape": spectra.NOISE_SHAPE,
        "sky": spectra.SKY_EXCESS,
        "template_knots": np.stack([np.interp(_X, knots, unit) for unit in np.eye(_TEMPLATE_KNOTS)]),
        "telluric": np.sum(bands, 0),
        "sdss_part": place - np.floor(place),
        "sdss_width": np.diff(edges),
    }
    made = {name: torch.tensor(np.array(v), dtype=torch.float32).to(device) for name, v in known.items()}
    return made | {"sdss_index": torch.tensor(np.floor(place).astype(np.int64)).to(device)}
