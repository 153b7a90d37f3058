"""Spectra of stars: populations of the stellar library for B to K stars, all else from its features.

Wavelengths of lines and the heads of bands are facts (below in air, as the sources give them, and
brought to vacuum); strengths, widths and shares are set by hand. Those of M stars were set beside one
real M star of DESI; the others have been compared with a G star alone.

References
----------
Reid, Hawley & Gizis (1995), AJ 110, 1838 (the indices TiO5, CaH1 to CaH3); Turnshek et al. (1985),
An Atlas of Digital Spectra of Cool Stars (heads of TiO, VO, MgH, C2 and CN, rounded to Angstroms);
Moore (1945), A Multiplet Table (lines of metals and helium).
"""

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from galaxypair.mock.features import gaussians, lorentzians, moved, planck, ripple, unit
from galaxypair.mock.library import N_AGE, N_RECENT, REST_WAVELENGTH, StellarLibrary
from galaxypair.mock.light import SPEED_OF_LIGHT
from galaxypair.mock.spectra import MILKY_WAY, WAVELENGTH
from galaxypair.wavelengths import air_to_vacuum

# from the Rydberg formula (vacuum), right to 0.1 Angstrom: H alpha and on
BALMER = 1e10 / 1.0967758e7 / (0.25 - 1 / np.arange(3.0, 18) ** 2)
BALMER_LIMIT = 4e10 / 1.0967758e7
_RADIAL_VELOCITY = 150  # km/s, dispersion: disc and halo


def _vacuum(table: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """Transposed table whose first column, a wavelength in air, is brought to vacuum."""
    columns = np.array(table, float).T
    columns[0] = air_to_vacuum(columns[0])
    return columns


# wavelength in air, width (sigma, Angstrom), optical depth in a K star; Ca II, Mg, Na, Ca I, Fe, CH, Cr
_METALS = _vacuum(
    (
        *((3933.7, 7, 2.0), (3968.5, 7, 1.6), (8498.0, 2.2, 0.3), (8542.1, 3.2, 0.6), (8662.1, 3, 0.5)),
        *((5167.3, 2.5, 0.5), (5172.7, 3, 0.7), (5183.6, 3.2, 0.8), (5130, 40, 0.12), (5890.0, 1.5, 0.8)),
        *((5895.9, 1.5, 0.7), (4226.7, 3, 0.8), (4304, 11, 0.45), (4383.5, 3, 0.5), (4325.8, 2, 0.4)),
        *((4045.8, 2.5, 0.5), (4063.6, 2, 0.4), (4071.7, 2, 0.4), (4271.8, 2, 0.4), (4404.8, 2, 0.3)),
        *((3719.9, 5, 0.6), (3737.1, 5, 0.7), (3748.3, 4, 0.5), (3820.4, 5, 0.7), (3859.9, 5, 0.6)),
        *((3829.4, 3, 0.6), (3838.3, 3, 0.7), (3870, 9, 0.5), (4205, 9, 0.12), (5269.5, 2.5, 0.4)),
        *((5328.0, 2, 0.3), (5206.0, 2, 0.3), (5371.5, 1.5, 0.15), (5429.7, 1.5, 0.12), (6162.2, 1.5, 0.2)),
        *((6122.2, 1.5, 0.2), (6494.9, 1.5, 0.18), (6497, 2, 0.1), (8806.8, 1.5, 0.15), (8183.3, 1.3, 0.1)),
    )
)
# head of TiO in air, length (to the red) and optical depth in an M5 dwarf
_TIO = (
    *((4584, 100, 0.3), (4761, 140, 0.5), (4954, 140, 0.7), (5167, 180, 0.8), (5448, 170, 0.6)),
    *((5597, 130, 0.3), (5759, 120, 0.3), (5847, 260, 0.7), (6158, 190, 0.55), (6187, 190, 0.2)),
    *((6215, 190, 0.2), (6651, 260, 0.35), (6681, 260, 0.25), (7054, 170, 0.4), (7088, 170, 0.3)),
    *((7126, 150, 0.5), (7589, 100, 0.35), (7666, 100, 0.2), (8206, 90, 0.06), (8250, 90, 0.05)),
    *((8432, 140, 0.17), (8442, 140, 0.08), (8859, 130, 0.13), (9209, 140, 0.06)),
)
# centre in air, width, depth in a dwarf, and in a giant: CaH, MgH, CaOH, Na, K, Ca I
_DWARF = _vacuum(
    (
        *((6385, 7, 0.5, 0.1), (6830, 45, 0.35, 0.1), (6975, 25, 0.35, 0.05), (5180, 35, 0.6, 0.1)),
        *((4770, 20, 0.3, 0.05), (5540, 12, 0.4, 0.05), (5890.0, 6, 1.2, 0.5), (5895.9, 6, 1.1, 0.5)),
        *((8183.3, 2.5, 0.4, 0.1), (8194.8, 3, 0.5, 0.1), (7664.9, 5, 0.4, 0.1), (7699.0, 4, 0.35, 0.1)),
        *((4226.7, 12, 1.6, 0.8), (8498.0, 1.6, 0.25, 0.5), (8542.1, 2.2, 0.4, 0.9), (8662.1, 2, 0.35, 0.8)),
        (6573, 1.2, 0.2, 0.4),
    )
)
_VO = _vacuum(((7430, 60, 0.5), (7910, 45, 0.7), (8580, 60, 0.25)))  # below 3000 K
# heads in air, length to the blue, relative depth: C2 and the violet bands of CN; to the red: CN
_SWAN = (
    *((4382, 90, 0.4), (4737, 160, 0.8), (5165, 200, 1), (5636, 190, 0.8), (6191, 160, 0.4)),
    *((3883, 120, 0.6), (4216, 110, 0.4)),
)
_CYANOGEN = ((6926, 70), (7089, 70), (7259, 70), (7437, 70), (7873, 90), (8067, 80), (8270, 80), (9141, 150))
_HELIUM = air_to_vacuum(np.array([3888.6, 4026.2, 4471.5, 4713.1, 4921.9, 5015.7, 5875.6, 6678.2, 7065.2]))
_HELIUM_II = air_to_vacuum(np.array([4685.7, 5411.5]))
_CALCIUM = air_to_vacuum(np.array([3933.7, 3968.5, 4226.7]))
_OXYGEN = air_to_vacuum(np.array([4958.9, 5006.8]))


def _bands(heads: tuple[tuple[float, ...], ...], *, to_red: bool) -> np.ndarray:
    """Bands of depth 1 at their heads, with an edge of some Angstrom: (n, 7781)."""
    head, length = _vacuum(heads)[:2, :, None]
    offset = (WAVELENGTH - head) * (1 if to_red else -1)
    return (expit(offset / 2.5) * np.exp(-np.clip(offset, 0, None) / length)).astype(np.float32)


_TIO_BANDS = _bands(_TIO, to_red=True)
_TIO_DEPTH = np.array(_TIO)[:, 2]
_SWAN_BANDS = _bands(_SWAN, to_red=False)
_SWAN_DEPTH = np.array(_SWAN)[:, 2]
_CYANOGEN_BANDS = _bands(_CYANOGEN, to_red=True)
_VO_BANDS = np.array([gaussians([c], [s], [d]) for c, s, d in _VO.T], np.float32)


def star(rng: np.random.Generator, library: StellarLibrary) -> np.ndarray:
    """Draw the noise-free spectrum of a star.

    Parameters
    ----------
    rng : numpy.random.Generator
    library : StellarLibrary

    Returns
    -------
    ndarray of shape (7781,), float32
        On `spectra.WAVELENGTH`, mean |flux| 1, with a radial velocity and the Milky Way's dust.
    """
    kind = rng.choice(len(SHARES), p=list(SHARES.values()))
    flux = list(SHARES)[kind](rng, library)
    flux = moved(flux, 1 + rng.normal(0, _RADIAL_VELOCITY) / SPEED_OF_LIGHT)
    return unit(flux * 10 ** (rng.exponential(0.1) * MILKY_WAY))


def population(rng: np.random.Generator, library: StellarLibrary) -> np.ndarray:
    """Draw a B to M1 star: a single population, an old one with weak TiO, or two mixed.

    Parameters
    ----------
    rng : numpy.random.Generator
    library : StellarLibrary

    Returns
    -------
    ndarray of shape (7781,)
    """
    one, two = (_one_population(rng, library, N_AGE) for _ in range(2))
    way = rng.random()
    if way < 0.4:
        return one
    if way < 0.6:
        giant = _one_population(rng, library, N_AGE - N_RECENT)
        tau = rng.uniform(0.03, 0.6) * (_TIO_DEPTH * rng.lognormal(0, 0.15, len(_TIO))) @ _TIO_BANDS
        return giant * np.exp(-tau) * (WAVELENGTH / WAVELENGTH[0]) ** rng.uniform(0, 2)
    share = rng.uniform(-0.4, 1)  # a negative one takes the other's stars away: more extreme than both
    mixed = (1 - share) * one + share * two
    return mixed if mixed.min() > 0.02 * one.min() else one


def _one_population(rng: np.random.Generator, library: StellarLibrary, n_age: int) -> np.ndarray:
    """Draw a population of any metallicity and one of the oldest `n_age` bins."""
    metallicity, age = rng.integers(len(library.fine)), N_AGE - 1 - rng.integers(n_age)
    return unit(np.interp(WAVELENGTH, REST_WAVELENGTH, library.fine[metallicity, age]))


def white_dwarf(rng: np.random.Generator, _: StellarLibrary) -> np.ndarray:
    """Draw a white dwarf: hydrogen (70 %), helium, no lines, metals or carbon.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (7781,)

    Notes
    -----
    Pressure blends the Balmer lines beyond the seventh; the lines are deepest near 12,500 K.
    """
    kind = rng.choice(["hydrogen", "helium", "none", "metals", "carbon"], p=[0.7, 0.1, 0.1, 0.05, 0.05])
    if kind == "hydrogen":
        temperature = 10 ** rng.uniform(3.78, 4.7)
        off = np.log(temperature / 12500)
        strength = np.exp(-0.5 * (off / (0.45 if off < 0 else 1.1)) ** 2)
        line = np.arange(7)
        depth = strength * rng.uniform(0.5, 0.75) * np.array([0.75, 1, 1, 0.95, 0.8, 0.5, 0.3])
        width = rng.uniform(18, 45) * (0.3 + 0.7 * strength) * 0.95**line
        return planck(temperature) * np.exp(-lorentzians(BALMER[:7], width, -np.log(1 - depth)))
    if kind == "helium":
        depth = rng.uniform(0.1, 0.6) * rng.uniform(0.4, 1, len(_HELIUM))
        tau = lorentzians(_HELIUM, rng.uniform(8, 30, len(_HELIUM)), depth)
        return planck(10 ** rng.uniform(4.08, 4.6)) * np.exp(-tau)
    flux = planck(10 ** rng.uniform(3.7, 4.1))
    if kind == "metals":
        depth = 10 ** rng.uniform(-0.5, 0.6) * np.array([1, 0.8, 0.3])
        flux = flux * np.exp(-lorentzians(_CALCIUM, 10 ** rng.uniform(0.7, 1.8), depth))
    if kind == "carbon":
        flux = flux * np.exp(-(rng.uniform(0.1, 0.7) * _SWAN_DEPTH[:5]) @ _SWAN_BANDS[:5])
    return flux


def warm(rng: np.random.Generator, _: StellarLibrary) -> np.ndarray:
    """Draw an A to K star by hand: a black body, the Balmer lines and jump, lines of metals.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (7781,)
    """
    temperature = 10 ** rng.triangular(3.58, 3.68, 4.1)
    hydrogen = 1.2 * np.exp(-0.5 * (np.log(temperature / 9300) / 0.3) ** 2)
    metals = np.clip((9000 - temperature) / 4500, 0.02, 1) ** 1.3 * 10 ** rng.normal(-0.1, 0.25)
    width = 1.5 + rng.uniform(3, 11) * hydrogen
    depth = hydrogen * 0.9 ** np.arange(len(BALMER))
    tau = lorentzians(BALMER, width * np.linspace(0.8, 0.45, len(BALMER)), depth)
    # overlapping lines and the continuum beyond the series: the jump
    jump = rng.uniform(0.8, 1.1) * hydrogen * (WAVELENGTH / BALMER_LIMIT) ** 3
    tau += jump * expit((BALMER_LIMIT + 45 - WAVELENGTH) / 10)
    centre, sigma, strength = _METALS
    strength = metals * strength * np.clip(5000 / temperature, 0.3, 1.2) * rng.lognormal(0, 0.2, len(centre))
    tau += gaussians(centre, sigma * rng.uniform(0.8, 1.2), strength)
    tau += _blanket(rng, 0.16 * metals)
    return planck(temperature) * np.exp(-tau)


def _blanket(rng: np.random.Generator, depth: float) -> np.ndarray:
    """Optical depth of countless weak lines, more of them in the blue."""
    return depth * (5000 / WAVELENGTH) ** 4 * np.exp(0.6 * ripple(rng.uniform(1.2, 2.5), rng))


def cool(rng: np.random.Generator, _: StellarLibrary) -> np.ndarray:
    """Draw an M star: dwarfs with CaH, Na and K, three in ten active, and giants (one in five).

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (7781,)
    """
    temperature = rng.uniform(2200, 4100)
    giant, metals = rng.random() < 0.2, rng.lognormal(0, 0.2)
    # TiO sets in at 4100 K and grows until dust takes the titanium away below 2500 K
    titanium = np.clip((4150 - temperature) / 1050, 0, 1.6) * np.clip((temperature - 1700) / 800, 0, 1)
    tau = (titanium * metals * _TIO_DEPTH * rng.lognormal(0, 0.15, len(_TIO))) @ _TIO_BANDS
    tau += np.clip((3000 - temperature) / 500, 0, 1) * rng.lognormal(0, 0.3, 3) @ _VO_BANDS
    centre, sigma, *depths = _DWARF
    cold = np.clip((4700 - temperature) / 1400, 0.2, 1.5)
    strength = cold * depths[int(giant)] * rng.lognormal(0, 0.25, len(centre)) / metals**0.5
    tau += gaussians(centre, sigma * cold**0.5, strength)
    if temperature > 3400:
        tau += gaussians(_METALS[0], _METALS[1], 0.6 * _METALS[2])
    tau += _blanket(rng, 0.12 * metals) + 0.35 * cold * np.clip(5800 / WAVELENGTH - 1, 0, None)
    tau *= 1 + 0.08 * ripple(rng.uniform(2, 6), rng)
    flux = planck(temperature) * np.exp(-tau)
    if not giant and rng.random() < 0.3:
        flux += _decrement(rng, 10 ** rng.uniform(-0.7, 0.6), 1.2)
    return flux


def _decrement(rng: np.random.Generator, height: float, sigma: float) -> np.ndarray:
    """Balmer lines in emission, weaker along the series."""
    line = np.arange(7)
    return gaussians(BALMER[:7], sigma, height * rng.uniform(0.45, 0.75) ** line)


def carbon_star(rng: np.random.Generator, _: StellarLibrary) -> np.ndarray:
    """Draw a carbon star: bands of C2 that fade to the blue, of CN to the red.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (7781,)
    """
    strength = rng.uniform(0.3, 1.6)
    tau = (strength * _SWAN_DEPTH * rng.lognormal(0, 0.25, len(_SWAN))) @ _SWAN_BANDS
    tau += (strength * rng.uniform(0.15, 0.5, len(_CYANOGEN))) @ _CYANOGEN_BANDS
    tau += gaussians(_METALS[0], _METALS[1], 0.6 * _METALS[2]) + _blanket(rng, 0.15)
    return planck(rng.uniform(2800, 5200)) * np.exp(-tau)


def emission_star(rng: np.random.Generator, library: StellarLibrary) -> np.ndarray:
    """Draw a star with lines in emission at rest: Be stars, cataclysmic variables, nebulae.

    Parameters
    ----------
    rng : numpy.random.Generator
    library : StellarLibrary

    Returns
    -------
    ndarray of shape (7781,)
    """
    kind = rng.integers(3)
    height = 10 ** rng.uniform(-0.7, 0.9)
    if kind == 0:  # a hot or young star with a disc or wind
        metallicity, age = rng.integers(len(library.fine)), rng.integers(N_RECENT)
        star_light = unit(np.interp(WAVELENGTH, REST_WAVELENGTH, library.fine[metallicity, age]))
        return star_light + _decrement(rng, height, rng.uniform(1.5, 5))
    if kind == 1:  # accretion on a white dwarf: broad lines, often of two peaks
        sigma, split = rng.uniform(5, 14), rng.choice([0, 1]) * rng.uniform(3, 12)
        lines = np.r_[BALMER[:6], _HELIUM, _HELIUM_II]
        heights = height * np.r_[rng.uniform(0.6, 0.9) ** np.arange(6), rng.uniform(0, 0.4, len(lines) - 6)]
        flux = planck(10 ** rng.uniform(3.8, 4.5))
        return flux + sum(gaussians(lines + side, sigma, 0.5 * heights) for side in (-split, split))
    flux = planck(10 ** rng.uniform(3.6, 4.7)) + _decrement(rng, height, 0.9)
    lines = np.r_[_OXYGEN, _HELIUM[[2, 6, 7]], _HELIUM_II[:1]]
    return flux + gaussians(
        lines, 0.9, height * np.r_[rng.uniform(0.1, 4) * np.array([1, 3]), 0.1, 0.2, 0.1, 0.1]
    )


def binary(rng: np.random.Generator, library: StellarLibrary) -> np.ndarray:
    """Draw a white dwarf beside an M star.

    Parameters
    ----------
    rng : numpy.random.Generator
    library : StellarLibrary

    Returns
    -------
    ndarray of shape (7781,)
    """
    share = rng.uniform(0.2, 0.8)
    return share * unit(white_dwarf(rng, library)) + (1 - share) * unit(cool(rng, library))


SHARES: dict[Callable[[np.random.Generator, StellarLibrary], np.ndarray], float] = {
    population: 0.36,
    warm: 0.17,
    cool: 0.22,
    white_dwarf: 0.12,
    carbon_star: 0.04,
    emission_star: 0.06,
    binary: 0.03,
}
