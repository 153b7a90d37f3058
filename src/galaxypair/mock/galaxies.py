"""The galaxy population: physical parameters drawn from published scaling relations.

Two samples are drawn: `MAIN`, flux-limited like DESI's Bright Galaxy Survey with some luminous red
galaxies, and `BRIGHT`, nearby bright galaxies almost flat in redshift. A flux-limited survey holds
few of the latter, while the spectra that people try a model on are mostly of that kind.

References
----------
Baldry et al. (2012), MNRAS 421, 621 (mass function); Speagle et al. (2014), ApJS 214, 15 (main
sequence); Gallazzi et al. (2005), MNRAS 362, 41 and Tremonti et al. (2004), ApJ 613, 898
(metallicities, their shape); Shen et al. (2003), MNRAS 343, 978 and Lange et al. (2015), MNRAS 447,
2603 (sizes); Hahn et al. (2023), AJ 165, 253 (selection of the Bright Galaxy Survey).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.cosmology import Planck18

from galaxypair.mock.library import (
    AGE_EDGES_GYR,
    AGE_MID_GYR,
    N_AGE,
    N_RECENT,
    StellarLibrary,
)
from galaxypair.mock.light import luminosity_distance_mpc, photometry, surviving_fraction, universe_age_gyr

GALAXY_DTYPE = np.dtype(
    [
        ("z", "f8"),
        ("log_mstar", "f4"),  # log10 M_sun, surviving
        ("log_m_formed", "f4"),  # log10 M_sun, ever formed
        ("quiescent", "?"),
        ("bright_sample", "?"),  # drawn from BRIGHT, not MAIN
        ("age_fraction", "f4", (N_AGE,)),  # of the formed mass, per bin of AGE_EDGES_GYR
        ("burst_fraction", "f4"),
        ("burst_age", "f4"),  # Gyr
        ("log_z_stars", "f4"),  # log10 Z_sun
        ("log_z_gas", "f4"),  # log10 Z_sun
        ("log_u", "f4"),  # ionisation parameter
        ("tau_ism", "f4"),  # optical depth at 5500 Angstrom, all stars
        ("tau_bc", "f4"),  # the same, added for stars younger than 10 Myr and for lines
        ("dust_slope", "f4"),
        ("agn_ew", "f4"),  # Angstrom, H-alpha of active nuclei or old stars
        ("agn_o3", "f4"),
        ("sigma_stars", "f4"),  # km/s
        ("sigma_gas", "f4"),  # km/s
        ("half_light_radius", "f4"),  # arcsec, circularised
        ("axis_ratio", "f4"),
        ("bulge_fraction", "f4"),
        ("ebv", "f4"),  # mag, Milky Way
        ("flux", "f8", (4,)),  # nanomaggies in g, r, z, W1 before Galactic extinction
    ]
)

_MASS_GRID = np.linspace(7.2, 12.2, 101)
_MASS_TO_LIGHT_FLOOR = -0.45  # log10 M/L_r of the bluest galaxies [solar units]
_SUN_R = 4.65  # absolute r magnitude of the Sun


@dataclass(frozen=True)
class Sample:
    """How galaxies are proposed in redshift and mass, and which of them are observed.

    Attributes
    ----------
    name : str
    z_grid : ndarray of shape (n,)
        Evenly spaced.
    magnitude_limit : float [mag]
        In r, of the faintest galaxies worth proposing.
    proposal : callable
        (z_grid, mass_grid, mass function (n, m)) -> unnormalised probability (n, m).
    observed : callable
        (r mag, z-band mag, redshift, uniform random number), each (n,) -> bool (n,).
    """

    name: str
    z_grid: np.ndarray
    magnitude_limit: float
    proposal: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    observed: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]

    @functools.cached_property
    def chance(self) -> np.ndarray:
        """Probability of each cell of redshift and mass: (n, m)."""
        x = 10 ** (_MASS_GRID - 10.66)  # double Schechter function of GAMA, Baldry et al. (2012)
        density = np.exp(-x) * (3.96 * x**0.65 + 0.79 * x**-0.47)
        # a galaxy of less mass than this is too faint even if it is of the bluest kind
        luminosity = -0.4 * (self.magnitude_limit - Planck18.distmod(self.z_grid).value - _SUN_R)
        seen = _MASS_GRID > (luminosity + _MASS_TO_LIGHT_FLOOR)[:, None]
        chance = self.proposal(self.z_grid, _MASS_GRID, density * seen)
        return chance / chance.sum()


def _by_volume(z: np.ndarray, _: np.ndarray, density: np.ndarray) -> np.ndarray:
    return density * Planck18.differential_comoving_volume(z).value[:, None]


def _flat_in_redshift(_: np.ndarray, log_mstar: np.ndarray, density: np.ndarray) -> np.ndarray:
    # tilted to massive galaxies: bright spectra are chosen by flux, not by number density
    tilted = density * 10 ** (0.3 * (log_mstar - 10))
    return tilted / tilted.sum(1, keepdims=True)


def _bright_and_faint_and_red(
    r: np.ndarray, z_band: np.ndarray, z: np.ndarray, uniform: np.ndarray
) -> np.ndarray:
    bright = r < 19.5
    faint = (r < 20.175) & (uniform < 0.6)
    luminous_red = (z_band < 20) & (z > 0.4) & (uniform < 0.12)
    return (z < 0.8) & (r > 13.5) & (bright | faint | luminous_red)


def _nearby_and_bright(r: np.ndarray, z_band: np.ndarray, z: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    return (r < 17.8) & (r > 12.5) & (z < 0.2)


MAIN = Sample("main", np.linspace(0.01, 0.8, 159), 20.3, _by_volume, _bright_and_faint_and_red)
BRIGHT = Sample("bright", np.linspace(0.01, 0.2, 77), 17.8, _flat_in_redshift, _nearby_and_bright)
SAMPLES = {sample.name: sample for sample in (MAIN, BRIGHT)}


def draw_galaxies(
    sample: Sample, n_candidates: int, library: StellarLibrary, rng: np.random.Generator
) -> np.ndarray:
    """Draw candidates and keep those that the sample observes.

    Parameters
    ----------
    sample : Sample
    n_candidates : int
        About one in five is observed.
    library : StellarLibrary
    rng : numpy.random.Generator

    Returns
    -------
    structured ndarray of shape (n,), `GALAXY_DTYPE`
    """
    galaxies = np.zeros(n_candidates, GALAXY_DTYPE)
    galaxies["bright_sample"] = sample is BRIGHT
    galaxies["z"], galaxies["log_mstar"] = _redshift_and_mass(sample, n_candidates, rng)
    z, log_mstar = galaxies["z"], galaxies["log_mstar"]
    chance = 0.04 + 0.88 / (1 + np.exp(-(log_mstar - 10.55 - 0.3 * z) / 0.28))
    galaxies["quiescent"] = rng.random(n_candidates) < chance
    _set_history(galaxies, rng)
    _set_metals_and_dust(galaxies, rng)
    _set_structure(galaxies, rng)
    _set_kinematics_and_nucleus(galaxies, rng)
    formed = log_mstar - np.log10(surviving_fraction(galaxies, library))
    galaxies["log_m_formed"] = formed
    galaxies["flux"] = photometry(galaxies, library)
    magnitude = 22.5 - 2.5 * np.log10(galaxies["flux"])
    uniform = rng.random(n_candidates)
    return galaxies[sample.observed(magnitude[:, 1], magnitude[:, 2], z, uniform)]


def _redshift_and_mass(sample: Sample, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    cell = rng.choice(sample.chance.size, n, p=sample.chance.ravel())
    i, j = np.unravel_index(cell, sample.chance.shape)
    step_z, step_mass = np.diff(sample.z_grid)[0], np.diff(_MASS_GRID)[0]
    z = sample.z_grid[i] + step_z * rng.uniform(-0.5, 0.5, n)
    return np.maximum(z, 0.008), _MASS_GRID[j] + step_mass * rng.uniform(-0.5, 0.5, n)


def _set_history(galaxies: np.ndarray, rng: np.random.Generator) -> None:
    """Star formation history: delayed tau model, main sequence of the last Gyr, rare bursts."""
    n, quiescent = len(galaxies), galaxies["quiescent"]
    cosmic_age = universe_age_gyr(galaxies["z"])
    start = np.maximum(cosmic_age - rng.uniform(0.5, np.where(quiescent, 3, 6)), 2)
    tau = np.where(quiescent, rng.uniform(0.3, 1.5, n), rng.uniform(1, 8, n))
    elapsed = np.clip(start[:, None] - AGE_EDGES_GYR, 0, None) / tau[:, None]
    formed = 1 - (1 + elapsed) * np.exp(-elapsed)  # exact integral of t exp(-t / tau)
    fraction = -np.diff(formed) * (AGE_EDGES_GYR[:-1] >= 1)
    fraction /= fraction.sum(1, keepdims=True)

    # the last Gyr: main sequence of Speagle et al. (2014) per *formed* mass, with a tail towards green
    log_mstar = galaxies["log_mstar"]
    main_sequence = -0.16 * log_mstar - 0.026 * cosmic_age * log_mstar - 6.51 + 0.11 * cosmic_age
    main_sequence += rng.normal(-0.3, 0.25, n) - rng.exponential(0.15, n)
    log_ssfr = np.where(quiescent, rng.normal(-11.9, 0.4, n), main_sequence)[:, None]
    recent = AGE_MID_GYR[:N_RECENT]
    flicker = rng.normal(0, 0.2, (n, 1)) * (recent < 0.1) + rng.normal(0, 0.15, (n, 1)) * (recent < 0.01)
    flicker -= 0.5 * quiescent[:, None] * (recent < 0.1)
    level = np.clip(10 ** (log_ssfr + 9), 0, 0.7)
    fraction[:, :N_RECENT] += level * np.diff(AGE_EDGES_GYR)[:N_RECENT] * 10**flicker

    # 6 % had a burst between 0.1 and 1 Gyr ago
    burst_bin = rng.integers(4, N_RECENT, n)
    burst = (rng.random(n) < 0.06) * 10 ** rng.uniform(-2, -0.6, n)
    fraction[np.arange(n), burst_bin] += burst
    galaxies["age_fraction"] = fraction / fraction.sum(1, keepdims=True)
    galaxies["burst_fraction"], galaxies["burst_age"] = burst, AGE_MID_GYR[burst_bin]


def _set_metals_and_dust(galaxies: np.ndarray, rng: np.random.Generator) -> None:
    """Metallicities from mass; attenuation grows with mass and inclination of discs."""
    n, quiescent, log_mstar = len(galaxies), galaxies["quiescent"], galaxies["log_mstar"]
    stars = -0.65 + 0.35 * (1 + np.tanh((log_mstar - 10) / 0.6))
    gas = 0.35 * np.tanh((log_mstar - 9.7) / 1.1) - 0.05
    galaxies["log_z_stars"] = stars + rng.normal(0, 0.15, n)
    galaxies["log_z_gas"] = np.clip(gas + rng.normal(0, 0.1, n), -1.6, 0.6)
    log_u = -3.1 - 0.55 * galaxies["log_z_gas"] + rng.normal(0, 0.2, n)
    galaxies["log_u"] = np.clip(log_u, -4, -2)
    disc = np.sqrt(0.03 + 0.97 * rng.random(n) ** 2)  # random inclinations of thick discs
    galaxies["axis_ratio"] = np.where(quiescent, rng.uniform(0.5, 1, n), disc)
    inclined = 1.4 - 0.7 * galaxies["axis_ratio"]
    dusty = (0.08 + 0.25 * np.clip(log_mstar - 8.5, 0, 2.3)) * 10 ** rng.normal(0, 0.2, n) * inclined
    galaxies["tau_ism"] = np.where(quiescent, rng.exponential(0.07, n), dusty)
    galaxies["tau_bc"] = np.where(quiescent, 0.5, rng.uniform(0.4, 1.4, n)) * galaxies["tau_ism"]
    galaxies["dust_slope"] = rng.normal(-0.1, 0.2, n)
    galaxies["ebv"] = 0.03 * 10 ** rng.normal(0, 0.25, n)


def _set_structure(galaxies: np.ndarray, rng: np.random.Generator) -> None:
    """Sizes of early and late types, bulge fractions."""
    n, quiescent = len(galaxies), galaxies["quiescent"]
    z, log_mstar = galaxies["z"], galaxies["log_mstar"]
    early = np.maximum(0.5 * (log_mstar - 11) + 0.66, 0.1)
    late = 0.22 * (log_mstar - 10) + 0.6
    log_kpc = np.where(quiescent, early, late) - 0.7 * np.log10(1 + z) + rng.normal(0, 0.14, n)
    kpc_per_arcsec = luminosity_distance_mpc(z) / (1 + z) ** 2 / 206.265
    galaxies["half_light_radius"] = 10**log_kpc / kpc_per_arcsec
    disky = rng.beta(1.3, 5, n) * np.clip((log_mstar - 8) / 2.5, 0.2, 1.2)
    galaxies["bulge_fraction"] = np.clip(np.where(quiescent, rng.uniform(0.4, 1, n), disky), 0, 1)


def _set_kinematics_and_nucleus(galaxies: np.ndarray, rng: np.random.Generator) -> None:
    """Velocity dispersions from mass; LINER-like lines of massive galaxies, 4 % Seyferts."""
    n, log_mstar = len(galaxies), galaxies["log_mstar"]
    stars = 10 ** (2.05 + 0.27 * (log_mstar - 10.3) + rng.normal(0, 0.1, n))
    gas = 10 ** (1.9 + 0.22 * (log_mstar - 10) + rng.normal(0, 0.12, n))
    galaxies["sigma_stars"], galaxies["sigma_gas"] = np.clip(stars, 30, 380), np.clip(gas, 25, 300)
    seyfert = (rng.random(n) < 0.04) & (log_mstar > 9.8)
    weak = (log_mstar > 9.9) * 10 ** rng.normal(-0.15, 0.4, n)
    galaxies["agn_ew"] = np.where(seyfert, 10 ** rng.normal(0.9, 0.4, n), weak)
    galaxies["agn_o3"] = 10 ** rng.normal(0.3, 0.25, n)
