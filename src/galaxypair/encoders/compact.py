"""Two compact encoders, small enough to be trained from scratch on a laptop in minutes."""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from galaxypair import images, redshift_bins, spectra, tables
from galaxypair.encoders.base import Reading, ReadingEncoder

N_FEATURES = 128
APERTURES_PX = (2.5, 5, 9, 15, 24, 40)  # radii, as far as the crop goes
COARSE_BINS = 8  # bins of the redshift that an image tells apart no better than by straight lines
STRIDE = 4  # logarithmic bins of a spectrum in one step of the features, which is one bin of redshift
N_TEMPLATES = 8
MASS_ZERO = 10.3  # log10 M_sun, about which masses are predicted
N_SCORES = 24  # channels of the scores
N_BASIS = 24  # broad bumps over the redshift
N_WAVES = 32  # by which features tell the redshift
REGIONS = ((3650, 4200), (4700, 5300), (6400, 6800))  # Angstrom, rest frame: breaks and main lines


class _ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut; halves the side."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, 2, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, 2, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


class CompactImageEncoder(ReadingEncoder):
    """A residual network on asinh-stretched bands, and fluxes in circular apertures beside it.

    Parameters
    ----------
    crop_px : int, default=96
        Side of the central square that is looked at.
    width : int, default=24
        Channels of the first stage; the last has eight times as many.
    """

    n_features = N_FEATURES

    def __init__(self, crop_px: int = 96, width: int = 24) -> None:
        super().__init__()
        self.crop_px = crop_px
        self.net = nn.Sequential(
            nn.Conv2d(3, width, 5, 2, 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            _ResidualBlock(width, 2 * width),
            _ResidualBlock(2 * width, 4 * width),
            _ResidualBlock(4 * width, 8 * width),
        )
        # the mean over the cutout, and the middle, where the galaxy is
        n_seen = 2 * 8 * width + 3 * len(APERTURES_PX)
        self.mix = nn.Sequential(nn.Linear(n_seen, 2 * N_FEATURES), nn.ReLU(), nn.Dropout(0.1))
        self.features = nn.Sequential(nn.Linear(2 * N_FEATURES, N_FEATURES), nn.ReLU())
        self.redshift = nn.Linear(N_FEATURES, math.ceil(redshift_bins.N_BINS / COARSE_BINS) + 1)
        self.mass = nn.Linear(N_FEATURES, 2)
        self.to(memory_format=torch.channels_last)

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Crop and stretch, see `images.asinh_stretch`; measure apertures, (n, 18)."""
        cropped = images.center_crop(raw, self.crop_px)
        discs = _discs(self.crop_px, raw.device)
        fluxes = torch.einsum("ncp,rp->ncr", cropped.flatten(2), discs).flatten(1)
        stretched = images.asinh_stretch(cropped).contiguous(memory_format=torch.channels_last)
        return stretched, torch.asinh(2 * fluxes) / 2

    def read(self, *prepared: Tensor) -> Reading:
        """Compute features (n, 128), redshift and mass."""
        stretched, fluxes = prepared
        seen = self.net(stretched)
        middle = slice(seen.shape[-1] // 2 - 1, seen.shape[-1] // 2 + 1)
        pooled = [seen.mean((2, 3)), seen[:, :, middle, middle].mean((2, 3))]
        features = self.features(self.mix(torch.cat([*pooled, fluxes], 1)))
        coarse = self.redshift(features).float()
        size = (coarse.shape[1] - 1) * COARSE_BINS
        fine = F.interpolate(coarse[:, None, :-1], size, mode="linear")[:, 0, : redshift_bins.N_BINS]
        return Reading(features, torch.cat([fine, coarse[:, -1:]], 1), _mass(self.mass(features)))


def _mass(found: Tensor) -> Tensor:
    """Mean and logarithm of the scatter of log10 M*, of a linear layer's numbers of order one."""
    mean, log_scatter = found.float().unbind(1)
    return torch.stack([MASS_ZERO + mean, log_scatter.clamp(-4, 2)], 1)


@functools.cache
def _discs(side: int, device: torch.device) -> Tensor:
    """Masks of the apertures around the central pixel, (radius, side * side)."""
    place = torch.arange(side, device="cpu") - side // 2
    distance = torch.hypot(place[:, None].float(), place.float())
    return torch.stack([(distance < r).float().flatten() for r in APERTURES_PX]).to(device)


def _stage(n_in: int, n_out: int, kernel: int, stride: int) -> list[nn.Module]:
    # spectra as images one pixel high: in channels-last order a third faster than Conv1d on a CPU
    convolution = nn.Conv2d(n_in, n_out, (1, kernel), (1, stride), (0, kernel // 2), bias=False)
    return [convolution, nn.BatchNorm2d(n_out), nn.ReLU()]


class CompactSpectrumEncoder(ReadingEncoder):
    """Compare a spectrum with learnt templates at every redshift.

    Parameters
    ----------
    width : int, default=32
        Channels of the last convolutions; half as many are compared with the templates.

    Notes
    -----
    Convolutions find lines and breaks wherever they lie. On wavelengths that are logarithmic a redshift is a
    shift: the cross-correlation of what was found with a template in the rest frame, one product in Fourier
    space, gives a score for each redshift (as Tonry & Davis 1979, AJ 84, 1511, but with templates that are
    learnt). So what a line means is learnt once for all redshifts, from thousands of galaxies. Further
    convolutions along the redshift compare the scores with each other. Features hold where the scores are
    high, in waves of growing frequency, and what the spectrum has in its rest frame.
    """

    n_features = N_FEATURES

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        half = width // 2
        self.find = nn.Sequential(
            *_stage(spectra.N_CHANNELS + 1, half, 9, 2),
            *_stage(half, width, 7, 2),
            *_stage(width, width, 7, 1),
            nn.Conv2d(width, half, (1, 5), 1, (0, 2)),
        )
        rest_bins = spectra.N_LOG_BINS // STRIDE + redshift_bins.N_BINS
        self.templates = nn.Parameter(0.02 * torch.randn(N_TEMPLATES, half, rest_bins))
        self.balance = nn.BatchNorm1d(N_TEMPLATES)
        self.compare = nn.Sequential(
            nn.Conv1d(N_TEMPLATES, N_SCORES, 9, padding=4),
            nn.ReLU(),
            nn.Conv1d(N_SCORES, N_SCORES, 9, padding=4),
            nn.ReLU(),
        )
        self.peak = nn.Conv1d(N_SCORES, 1, 1)
        n_seen = 2 * half + spectra.N_SUMMARY + 3 * N_SCORES
        self.overall = nn.Sequential(nn.Linear(n_seen, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())
        self.broad = nn.Linear(128, N_BASIS)
        self.other = nn.Linear(128, 1)
        n_mixed = 128 + len(REGIONS) * half + N_SCORES + 2 * N_WAVES
        self.mix = nn.Sequential(nn.Linear(n_mixed, N_FEATURES), nn.ReLU())
        self.mass = nn.Linear(N_FEATURES, 2)
        self.to(memory_format=torch.channels_last)

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Split continuum and lines, see `spectra.split_continuum`; beside them, where data is; rebin."""
        channels, summary = spectra.split_continuum(raw)
        known = spectra.pair_mean((raw != 0).float(), torch.ones_like(raw))
        return spectra.log_bins(torch.cat([channels, known[:, None]], 1)), summary

    def read(self, *prepared: Tensor) -> Reading:
        """Compute features (n, 128), redshift and mass."""
        channels, summary = prepared
        known = (F.avg_pool1d(channels[:, -1:], STRIDE) > 0).float()
        found = self.find(channels[:, :, None])[:, :, 0].float() * known  # (n, half, 1024)
        scores = self.compare(self.balance(self._correlate(found, known))).float()  # (n, 24, redshift)
        peak = self.peak(scores)[:, 0].float()
        expected = (scores * peak.softmax(1)[:, None]).sum(2)
        seen = [found.mean(2), found.amax(2), summary, scores.amax(2), scores.mean(2), expected]
        overall = self.overall(torch.cat(seen, 1))
        bumps, waves = _on_redshift(found.device)
        of_galaxy = peak + self.broad(overall).float() @ bumps
        features = self._features(found, scores, overall, of_galaxy.softmax(1), waves)
        logits = torch.cat([of_galaxy, self.other(overall).float()], 1)
        return Reading(features, logits, _mass(self.mass(features)))

    def _correlate(self, found: Tensor, known: Tensor) -> Tensor:
        """Scores of each template at each redshift, (n, templates, redshift)."""
        size = 1 << (self.templates.shape[2] - 1).bit_length()
        of_spectra, of_templates = (torch.fft.rfft(x, size) for x in (found, self.templates.float()))
        product = torch.einsum("ncf,kcf->nkf", of_spectra.conj(), of_templates)
        # by how much the template starts before the spectrum: the less, the higher the redshift
        ahead = torch.fft.irfft(product, size)[:, :, : redshift_bins.N_BINS].flip(2)
        return ahead / known.sum(2, keepdim=True).clamp(min=1).sqrt()

    def _features(self, found: Tensor, scores: Tensor, overall: Tensor, p: Tensor, waves: Tensor) -> Tensor:
        best = p.argmax(1)
        at_best = scores.gather(2, best[:, None, None].expand(-1, N_SCORES, 1))[:, :, 0]
        place = torch.arange(found.shape[2], device=found.device) - best[:, None]
        rest = math.log(tables.WAVELENGTH_MIN) + STRIDE * spectra.LOG_STEP * (place + 0.5)
        regions = [((rest > math.log(a)) & (rest < math.log(b))).float() for a, b in REGIONS]
        means = [(found * r[:, None]).sum(2) / r.sum(1, keepdim=True).clamp(min=1) for r in regions]
        return self.mix(torch.cat([overall, *means, at_best, p @ waves], 1))


@functools.cache
def _on_redshift(device: torch.device) -> tuple[Tensor, Tensor]:
    """Broad bumps (bump, redshift), and waves of growing frequency (redshift, wave)."""
    n = redshift_bins.N_BINS
    place = torch.arange(n, device="cpu")
    centre = torch.linspace(0, n - 1, N_BASIS, device="cpu")[:, None]
    bumps = torch.exp(-0.5 * ((place - centre) / (n / N_BASIS)) ** 2)
    # from half a wave over all redshifts to one of eleven bins
    turns = 0.5 * 1.19 ** torch.arange(N_WAVES, device="cpu")
    phase = math.pi * turns * place[:, None] / n
    return bumps.to(device), torch.cat([phase.cos(), phase.sin()], 1).to(device)
