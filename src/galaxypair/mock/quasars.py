"""Spectra of quasars at redshifts of 0.05 to 4.2, after the composite of the Sloan survey.

Wavelengths of lines are those of the laboratory; equivalent widths and widths of the strong ones are
the composite's, rounded. Those of O VI, N V, He II, C III] with its neighbours and beyond 7000 Angstrom,
the scatter from quasar to quasar, the humps of iron and the absorbers are set by hand.

References
----------
Vanden Berk et al. (2001), AJ 122, 549 (slopes of the continuum, Table 2); Kim et al. (2007), MNRAS
382, 1657 (mean optical depth of the Lyman-alpha forest); Richards et al. (2003), AJ 126, 1131
(dust); Morton (2003), ApJS 149, 205 (absorption lines).
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

from galaxypair.mock.features import N_PX, gaussians, ripple, unit
from galaxypair.mock.light import SPEED_OF_LIGHT
from galaxypair.mock.spectra import MILKY_WAY, WAVELENGTH

Z_RANGE = (0.05, 4.2)
LYMAN_ALPHA, LYMAN_BETA, LYMAN_LIMIT = 1215.67, 1025.72, 911.75

# wavelength in vacuum, equivalent width and sigma, all in rest-frame Angstrom
_BROAD = np.array(
    (
        *((1033.0, 9, 7.5), (1215.7, 92, 19.5), (1240.1, 8, 11), (1305.0, 1.7, 5.4), (1336.0, 0.7, 3.9)),
        *((1398.3, 8.1, 14.3), (1549.1, 23.8, 14.3), (1640.4, 2.5, 10), (1663.5, 0.4, 5.3)),
        *((1857.4, 0.5, 7), (1892.0, 0.8, 7), (1908.7, 20.4, 23.6), (2325.0, 2, 21), (2798.8, 32.3, 34.9)),
        *((3188.7, 0.6, 10), (4102.9, 5.1, 18.6), (4341.7, 12.6, 20.3), (4687.0, 1, 15)),
        *((4862.7, 46.2, 40.4), (5877.2, 4.9, 23.5), (6564.6, 194.5, 47.4), (7067.2, 3, 15), (8500.0, 3, 40)),
    )
).T
_BLUESHIFTED = (1033.0, 1240.1, 1398.3, 1549.1, 1640.4)  # winds: lines of high ionisation
_NARROW = np.array(
    (
        *((2422.5, 0.3), (3346.8, 0.35), (3426.8, 1.2), (3728.5, 1.6), (3869.9, 1.4), (3968.6, 0.4)),
        *((4102.9, 0.3), (4341.7, 0.6), (4364.4, 0.5), (4862.7, 1.5), (4960.3, 3.5), (5008.2, 10.5)),
        *((6302.0, 0.8), (6549.9, 0.7), (6564.6, 6), (6585.3, 2.1), (6718.3, 1.7), (6732.7, 1.5)),
    )
).T
# humps of Fe II and of the Balmer continuum: centre, sigma, height relative to the continuum
_HUMPS = np.array(
    (
        (2080, 60, 0.1),
        (2480, 120, 0.18),
        (2950, 400, 0.22),
        (4570, 65, 0.16),
        (5190, 40, 0.07),
        (5300, 60, 0.1),
    )
).T
# intervening gas: vacuum wavelength and strength relative to the strongest line
_MAGNESIUM = np.array(
    ((2796.35, 1), (2803.53, 0.75), (2600.17, 0.6), (2586.65, 0.35), (2382.77, 0.6), (2852.96, 0.15))
).T
_CARBON = np.array(((1548.20, 1), (1550.78, 0.65), (1393.76, 0.4), (1402.77, 0.25))).T
_TROUGHS = np.array(((1548.2, 1), (1393.8, 0.6), (1240.1, 0.9), (1215.7, 0.5)))


def quasar(rng: np.random.Generator) -> np.ndarray:
    """Draw the noise-free spectrum of a quasar.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (7781,), float32
        On `spectra.WAVELENGTH`, mean |flux| 1, reddened. A third lies at z < 1.
    """
    low, high = Z_RANGE
    return quasar_at(rng.uniform(low, 1.0 if rng.random() < 0.15 else high), rng)


def quasar_at(z: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the noise-free spectrum of a quasar at a redshift.

    Parameters
    ----------
    z : float
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (7781,), float32
        As from `quasar`.
    """
    rest = WAVELENGTH / (1 + z)
    slope = rng.normal(-1.56, 0.35)
    continuum = (rest / 5000) ** slope
    # host light and warm dust beyond 5000 Angstrom
    continuum *= np.where(rest > 5000, (rest / 5000) ** rng.uniform(0.5, 2), 1)
    flux = continuum * (1 + _excess(z, rng))
    if z > WAVELENGTH[0] / LYMAN_ALPHA - 1:
        flux *= _forest(z, rng)
    if rng.random() < 0.12:
        flux *= np.exp(-_troughs(z, rng))
    flux *= np.exp(-_intervening(z, rng))
    dust = rng.exponential(0.25 if rng.random() < 0.08 else 0.025)
    flux *= 10 ** (-0.4 * dust * 1.39 * (rest / 1e4) ** -1.2)
    return unit(flux * 10 ** (rng.exponential(0.04) * MILKY_WAY))


def _excess(z: float, rng: np.random.Generator) -> np.ndarray:
    """Lines and humps relative to the continuum.

    One quasar in four has lines as narrow as 700 km/s (FWHM), like narrow-line Seyfert galaxies.
    """
    centre, ew, sigma = _BROAD
    narrow_lined = rng.random() < 0.25
    width = rng.uniform(0.12, 0.45) if narrow_lined else rng.lognormal(-0.1, 0.3)
    ew = ew * rng.lognormal(0, 0.4) * rng.lognormal(0, 0.25, len(ew)) * (0.6 if narrow_lined else 1)
    sigma = np.maximum(sigma * width * rng.lognormal(0, 0.12, len(sigma)), centre * 300 / SPEED_OF_LIGHT)
    wind = rng.gamma(2, 400) / SPEED_OF_LIGHT
    centre = centre * np.where(np.isin(centre, _BLUESHIFTED), 1 - wind, 1)
    # a core and wings instead of one Gaussian
    wings = rng.uniform(0.2, 0.6)
    height = ew / (np.sqrt(2 * np.pi) * sigma)
    core, wide = 0.7 * sigma, 1.7 * sigma
    at, stretch = centre * (1 + z), 1 + z
    total = gaussians(at, core * stretch, height * (1 - wings) / 0.7)
    total += gaussians(at, wide * stretch, height * wings / 1.7)
    centre, ew = _NARROW
    sigma = centre * rng.uniform(120, 450) / SPEED_OF_LIGHT
    ew = ew * 10 ** rng.uniform(-1.3, 0.7) * rng.lognormal(0, 0.3, len(ew))
    total += gaussians(centre * stretch, sigma * stretch, ew / (np.sqrt(2 * np.pi) * sigma))
    iron = rng.lognormal(0.3 if narrow_lined else 0, 0.4)
    centre, sigma, height = _HUMPS
    humps = gaussians(centre * stretch, sigma * stretch, iron * height * rng.lognormal(0, 0.2, len(centre)))
    # thousands of blended lines leave no hump smooth
    return total + humps * (1 + rng.uniform(0, 0.3) * ripple(rng.uniform(8, 20) * stretch, rng))


def _forest(z: float, rng: np.random.Generator) -> np.ndarray:
    """Transmission of the gas between the quasar and us, in Lyman alpha and beta, and its limit."""
    clumps = 1.6 * ripple(rng.uniform(0.8, 1.6), rng)
    clumps = np.exp(clumps - 0.5 * clumps.var()) * 1.7  # clumps let more light through than a mist: 1.7
    tau = np.zeros(N_PX)
    for line, strength in ((LYMAN_ALPHA, 1), (LYMAN_BETA, 0.19)):
        growth = strength * 0.0023 * (WAVELENGTH / line) ** 3.65
        tau += np.where(line * (1 + z) > WAVELENGTH, growth * np.roll(clumps, int(line)), 0)
    transmission = gaussian_filter1d(np.exp(-tau), 1)
    if rng.random() < 0.15:  # a damped system; its flat bottom is black
        at = LYMAN_ALPHA * (1 + z - rng.uniform(0.02, 0.8))
        transmission *= np.exp(-((rng.uniform(6, 30) / (np.abs(WAVELENGTH - at) + 0.1)) ** 2))
    edge = LYMAN_LIMIT * (1 + z - rng.exponential(0.3))
    return transmission * np.exp(-rng.exponential(3) * expit((edge - WAVELENGTH) / 2))


def _troughs(z: float, rng: np.random.Generator) -> np.ndarray:
    """Optical depth of winds in front of the quasar: broad absorption; magnesium in one of eight."""
    velocity = rng.uniform(3000, 20000) / SPEED_OF_LIGHT
    line, strength = np.vstack([_TROUGHS, [2798.8, 1 if rng.random() < 0.125 else 0]]).T
    width = rng.uniform(0.15, 0.4) * velocity * line
    strength = strength * 10 ** rng.uniform(-0.7, 0.6) * rng.uniform(0.6, 1.2, len(line))
    shape = np.clip(1 + 0.35 * ripple(rng.uniform(8, 25), rng), 0, None)
    return shape * gaussians(line * (1 - velocity) * (1 + z), width * (1 + z), strength)


def _intervening(z: float, rng: np.random.Generator) -> np.ndarray:
    """Optical depth of gas of galaxies in front: doublets of Mg II and C IV, lines of Fe II."""
    tau = np.zeros(N_PX)
    for line, strength in (_MAGNESIUM, _CARBON):
        for _ in range(rng.poisson(0.35)):
            at = line * (1 + rng.uniform(0.3 * z, z))
            tau += gaussians(at, rng.uniform(0.9, 2.2), 10 ** rng.uniform(-0.7, 0.5) * strength)
    return tau
