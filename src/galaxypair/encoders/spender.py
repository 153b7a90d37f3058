"""The spectrum encoder of spender, with its names of weights."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from galaxypair import spectra
from galaxypair.encoders.base import Encoder

CHANNELS, KERNELS, POOLS = (1, 128, 256, 512), (5, 11, 21), (5, 11)


class SpenderEncoder(Encoder):
    """Three convolutions and attention over wavelength, as trained by spender on DESI galaxies.

    Parameters
    ----------
    normalise : {"none", "rest_median"}, default="none"
        Flux as it is, as the reproduction of AstroCLIP feeds it, or over its median in the rest frame
        (`spectra.over_rest_median`), as the weights were trained; the latter needs redshifts.

    Notes
    -----
    The features are the 256 attended values, before the library's MLP to 6 latents, which is left out.
    InstanceNorm takes the scale of a spectrum away, so that luminosity is hardly seen and the two
    normalisations differ little, until the convolved flux nears sqrt(1e-5) and the epsilon of the
    norm wins: such faint spectra, and all the more those that are zero throughout, have features that
    fade to a constant. Scaled flux is cut at +-1e8, far beyond any galaxy, so that no square overflows:
    the features of a finite spectrum are finite.

    References
    ----------
    Melchior et al. 2023, AJ 166, 74 (encoder); Liang et al. 2023, arXiv:2307.07664 (weights
    `desi_edr_galaxy`); Serra et al. 2018, arXiv:1805.03908 (attention).
    """

    n_features = CHANNELS[-1] // 2
    rows_at_once = 4  # 4 MB each in the first layer: on a CPU twice as fast as 32, which leave its cache

    def __init__(self, normalise: str = "none") -> None:
        super().__init__()
        self.normalise = normalise
        self.conv1, self.conv2, self.conv3 = (
            nn.Sequential(nn.Conv1d(a, b, k, padding=k // 2), nn.InstanceNorm1d(b), nn.PReLU(b))
            for a, b, k in zip(CHANNELS[:-1], CHANNELS[1:], KERNELS, strict=True)
        )

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Bring the flux to the scale that is asked for."""
        if self.normalise == "rest_median":
            raw = spectra.over_rest_median(raw, raw.new_full((len(raw),), torch.nan) if z is None else z)
        return (raw.clamp(-spectra.FLUX_LIMIT, spectra.FLUX_LIMIT),)

    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features of shape (n, 256)."""
        (flux,) = prepared
        x = flux[:, None]  # (n, 1, wavelength)
        for convolution, pool in zip((self.conv1, self.conv2), POOLS, strict=True):
            x = F.max_pool1d(convolution(x), pool, padding=pool // 2)
        values, keys = self.conv3(x).chunk(2, 1)
        return (values * keys.softmax(-1)).sum(2)
