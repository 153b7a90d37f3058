"""From physical parameters to light: stellar continuum, emission lines, broad-band fluxes.

Galaxies are rows of a structured array with the columns of `galaxies.GALAXY_DTYPE`.

References
----------
Calzetti et al. (2000), ApJ 533, 682 (attenuation); Charlot & Fall (2000), ApJ 539, 718 (birth clouds);
Planck Collaboration (2020), A&A 641, A6 (cosmology); Schlafly & Finkbeiner (2011), ApJ 737, 103.
"""

import functools

import numpy as np
from astropy.cosmology import Planck18
from scipy.interpolate import RegularGridInterpolator
from speclite.filters import load_filters

from galaxypair.mock.library import (
    COARSE_WAVELENGTH,
    LOG_U,
    LOG_Z,
    N_BIRTH_CLOUD,
    N_IONISING,
    StellarLibrary,
)

L_SUN = 3.828e33  # erg / s
MPC_CM = 3.0857e24
SPEED_OF_LIGHT = 2.99792458e5  # km / s
NANOMAGGY = 3.631e-29  # erg / s / cm2 / Hz
ESCAPE_FRACTION = 0.35  # of ionising photons: escaped or eaten by dust
FILTERS = ("decam2014-g", "decam2014-r", "decam2014-z", "wise2010-W1")
EXTINCTION = np.array([3.214, 2.165, 1.211, 0.184])  # A / E(B-V) in g, r, z, W1, as Legacy Surveys use

# Lines of active nuclei and old stars relative to H-alpha [vacuum Angstrom]: typical LINER ratios,
# with [O III] and the lines tied to it set per galaxy (`agn_o3`).
ACTIVE_LINES = {
    6564.6: 1.0,
    4862.7: 0.33,
    4341.7: 0.15,
    6585.3: 1.2,
    6549.9: 0.4,
    3729.9: 0.7,
    3727.1: 0.6,
    6718.3: 0.45,
    6732.7: 0.4,
    6302.0: 0.2,
}
ACTIVE_O3_LINES = {5008.2: 0.33, 4960.3: 0.11, 3869.9: 0.033}
H_ALPHA = 6564.6

_Z_TABLE = np.linspace(0.001, 0.9, 900)
_SUBSHIFTS = 16  # redshifts are rounded to 1/16 of a coarse pixel (50 km/s) in photometry
_LOG_STEP = np.log(COARSE_WAVELENGTH[1] / COARSE_WAVELENGTH[0])


@functools.cache
def _cosmology() -> tuple[np.ndarray, np.ndarray]:
    return Planck18.age(_Z_TABLE).value, Planck18.luminosity_distance(_Z_TABLE).value


def universe_age_gyr(z: np.ndarray) -> np.ndarray:
    """Age of the Universe, interpolated in a table for z < 0.9.

    Parameters
    ----------
    z : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,) [Gyr]
    """
    return np.interp(z, _Z_TABLE, _cosmology()[0])


def luminosity_distance_mpc(z: np.ndarray) -> np.ndarray:
    """Luminosity distance, interpolated in a table for z < 0.9.

    Parameters
    ----------
    z : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,) [Mpc]
    """
    # distance / z is the smooth quantity: linear interpolation then holds at small z too
    return z * np.interp(z, _Z_TABLE, _cosmology()[1] / _Z_TABLE)


def dilution(z: np.ndarray) -> np.ndarray:
    """Factor from rest-frame luminosity density to observed flux density.

    Parameters
    ----------
    z : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,) [erg / s / cm2 / Angstrom per L_sun / Angstrom]
    """
    return L_SUN / (4 * np.pi * (luminosity_distance_mpc(z) * MPC_CM) ** 2) / (1 + z)


def metallicity_weights(log_z: np.ndarray) -> np.ndarray:
    """Linear weights of the library's metallicities, constant beyond its ends.

    Parameters
    ----------
    log_z : ndarray of shape (n,) [log10 Z_sun]

    Returns
    -------
    ndarray of shape (n, n_metallicity)
    """
    return np.stack([np.interp(log_z, LOG_Z, unit) for unit in np.eye(len(LOG_Z))], 1)


def surviving_fraction(galaxies: np.ndarray, library: StellarLibrary) -> np.ndarray:
    """Share of the mass ever formed that is still in stars and remnants.

    Parameters
    ----------
    galaxies : structured ndarray of shape (n,)
    library : StellarLibrary

    Returns
    -------
    ndarray of shape (n,)
    """
    per_age = metallicity_weights(galaxies["log_z_stars"]) @ library.surviving
    return (per_age * galaxies["age_fraction"]).sum(1)


def calzetti(wavelength: np.ndarray) -> np.ndarray:
    """Attenuation curve of Calzetti et al. (2000), 1 at 5500 Angstrom.

    Parameters
    ----------
    wavelength : ndarray of shape (n,) [Angstrom]

    Returns
    -------
    ndarray of shape (n,)
        k(wavelength) / k(5500), held between 1200 and 22000 Angstrom and never below 0.01.
    """
    x = 1e4 / np.clip(wavelength, 1200, 22000)
    blue = 2.659 * (-2.156 + x * (1.509 + x * (-0.198 + 0.011 * x)))
    red = 2.659 * (-1.857 + 1.04 * x)
    return np.clip((np.where(wavelength < 6300, blue, red) + 4.05) / 4.0455, 0.01, None)


def transmission(galaxies: np.ndarray, wavelength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the light that leaves the galaxy, for old stars and for birth clouds.

    Parameters
    ----------
    galaxies : structured ndarray of shape (n,)
    wavelength : ndarray of shape (m,) [Angstrom, rest frame]

    Returns
    -------
    old, young : ndarray of shape (n, m), float32
    """
    slope = galaxies["dust_slope"].astype(np.float32)[:, None]
    curve = np.exp(slope * np.log(wavelength / 5500).astype(np.float32))
    curve *= calzetti(wavelength).astype(np.float32)
    old = galaxies["tau_ism"].astype(np.float32)[:, None]
    young = old + galaxies["tau_bc"].astype(np.float32)[:, None]
    return np.exp(-old * curve), np.exp(-young * curve)


def continuum(galaxies: np.ndarray, grid: np.ndarray, wavelength: np.ndarray) -> np.ndarray:
    """Stellar light after dust.

    Parameters
    ----------
    galaxies : structured ndarray of shape (n,)
    grid : ndarray of shape (n_metallicity, n_age, m) [L_sun / Angstrom / M_sun]
        Of the library.
    wavelength : ndarray of shape (m,) [Angstrom, rest frame]
        That of the grid.

    Returns
    -------
    ndarray of shape (n, m), float32 [L_sun / Angstrom]
    """
    mass = galaxies["age_fraction"] * 10 ** galaxies["log_m_formed"][:, None]
    weight = metallicity_weights(galaxies["log_z_stars"])[:, :, None] * mass[:, None]  # (n, Z, age)
    weight = weight.astype(np.float32)

    def mix(ages: slice) -> np.ndarray:
        return weight[:, :, ages].reshape(len(weight), -1) @ grid[:, ages].reshape(-1, grid.shape[-1])

    old, young = transmission(galaxies, wavelength)
    return mix(slice(N_BIRTH_CLOUD)) * young + mix(slice(N_BIRTH_CLOUD, None)) * old


def line_luminosity(galaxies: np.ndarray, library: StellarLibrary) -> np.ndarray:
    """Emission lines after dust: H II regions, plus active nuclei or old stars.

    Parameters
    ----------
    galaxies : structured ndarray of shape (n,)
    library : StellarLibrary

    Returns
    -------
    ndarray of shape (n, n_line), float64 [L_sun]

    Notes
    -----
    H II regions: Cloudy lines of the populations younger than 30 Myr, `ESCAPE_FRACTION` of the
    photons lost. The others are scaled to H-alpha, whose equivalent width `agn_ew` is a parameter.
    """
    table = RegularGridInterpolator((LOG_Z, LOG_U), library.line_luminosity)
    per_mass = table(np.c_[galaxies["log_z_gas"], galaxies["log_u"]])  # (n, ages, lines)
    mass = galaxies["age_fraction"][:, :N_IONISING] * 10 ** galaxies["log_m_formed"][:, None]
    _, young = transmission(galaxies, library.line_wavelength)
    luminosity = (1 - ESCAPE_FRACTION) * np.einsum("na,nal->nl", mass, per_mass) * young
    at = [np.searchsorted(COARSE_WAVELENGTH, H_ALPHA)]
    h_alpha = continuum(galaxies, library.coarse[..., at], COARSE_WAVELENGTH[at])[:, 0] * galaxies["agn_ew"]
    o3 = h_alpha * galaxies["agn_o3"]
    for lines, strength in ((ACTIVE_LINES, h_alpha), (ACTIVE_O3_LINES, o3)):
        for wavelength, ratio in lines.items():
            luminosity[:, np.argmin(abs(library.line_wavelength - wavelength))] += ratio * strength
    return luminosity


@functools.cache
def _responses() -> tuple[np.ndarray, np.ndarray]:
    """Filter curves on the coarse pixels, for each sub-pixel shift.

    Returns
    -------
    column : ndarray of shape (m,)
        Observed-frame pixels (counted on from the first coarse one) that some filter sees.
    weight : ndarray of shape (16, 4, m), float32
        Multiply flux densities to give the mean flux density of each band times c, AB convention.
    """
    pixel = np.arange(len(COARSE_WAVELENGTH)) + np.arange(_SUBSHIFTS)[:, None] / _SUBSHIFTS
    wavelength = COARSE_WAVELENGTH[0] * np.exp(pixel * _LOG_STEP)
    curves = load_filters(*FILTERS)
    response = np.stack([np.interp(wavelength, c.wavelength, c.response, 0, 0) for c in curves], 1)
    column = np.flatnonzero((response > 1e-3 * response.max((0, 2), keepdims=True)).any((0, 1)))
    response = response[..., column]
    weight = response * wavelength[:, None, column] ** 2 / response.sum(2, keepdims=True)
    return column, weight.astype(np.float32)


def photometry(galaxies: np.ndarray, library: StellarLibrary) -> np.ndarray:
    """Total fluxes in g, r, z and W1 without Galactic extinction.

    Parameters
    ----------
    galaxies : structured ndarray of shape (n,)
    library : StellarLibrary

    Returns
    -------
    ndarray of shape (n, 4), float64 [nanomaggies]

    Notes
    -----
    Agrees with `speclite`'s `get_ab_maggies` on the full spectrum to 0.002 mag. Pixels are logarithmic,
    so a redshift is a shift: the filters are tabulated on sub-pixel shifts, and no spectrum is
    interpolated.
    """
    luminosity = continuum(galaxies, library.coarse, COARSE_WAVELENGTH)
    pixel = np.rint(np.log(library.line_wavelength / COARSE_WAVELENGTH[0]) / _LOG_STEP).astype(int)
    width = COARSE_WAVELENGTH[pixel] * _LOG_STEP
    np.add.at(luminosity, (slice(None), pixel), line_luminosity(galaxies, library) / width)
    column, weight = _responses()
    shift = np.rint(np.log1p(galaxies["z"]) / _LOG_STEP * _SUBSHIFTS).astype(int)
    whole, part = np.divmod(shift, _SUBSHIFTS)
    seen = np.take_along_axis(luminosity, np.maximum(column - whole[:, None], 0), 1)
    # one multiplication per band keeps the temporaries small
    mean = np.stack([np.einsum("nm,nm->n", seen, weight[part, b]) for b in range(len(FILTERS))], 1)
    return mean * (dilution(galaxies["z"]) / (1e13 * SPEED_OF_LIGHT))[:, None] / NANOMAGGY
