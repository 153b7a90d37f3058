"""The median spectrum at rest of the galaxies of each cluster."""

import logging
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.gallery import LARGEST

logger = logging.getLogger(__name__)

WAVELENGTH = np.linspace(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, tables.N_WAVELENGTH)
REST = np.linspace(3000, 8000, 2501)  # Angstrom; where galaxies at z < 0.8 overlap
COLUMNS = ("targetid", "z", "spectrum")
PERCENTILES = (50, 16, 84)
COVERED = 0.5  # share of the galaxies that must be observed at a wavelength

Reader = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def rest_spectra(spectra: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Shift spectra to rest and divide each by its median, to compare shapes.

    Parameters
    ----------
    spectra : ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
        Exactly 0, or NaN, where there is no data.
    z : ndarray of shape (n,), float32

    Returns
    -------
    ndarray of shape (m, 2501), float32
        On `REST`, NaN outside the observed range and in gaps. Spectra without a redshift, without
        data or of a median that is not positive are left out.

    Notes
    -----
    The wavelengths are those of the joint file, 3600 to 9824 Angstrom; the scripts of the reproduction
    of AstroCLIP draw the spectra over 3587 to 10373.
    """
    rows = []
    for spectrum, redshift in zip(spectra, z, strict=True):
        flux = np.where(spectrum == 0, np.nan, spectrum)
        usable = np.isfinite(redshift) and np.isfinite(flux).any()
        level = np.nanmedian(flux) if usable else np.nan
        if level > 0:
            rest = np.interp(REST * (1 + redshift), WAVELENGTH, flux, left=np.nan, right=np.nan)
            rows.append((rest / level).astype(np.float32))
    return np.array(rows, np.float32).reshape(-1, len(REST))


def spread(rest: np.ndarray) -> np.ndarray:
    """Median and 68 % range of spectra, wavelength by wavelength.

    Parameters
    ----------
    rest : ndarray of shape (n, m), float32
        NaN where there is no data.

    Returns
    -------
    ndarray of shape (3, m), float32
        Median, 16th and 84th percentile; NaN where less than half of the spectra have data.
    """
    out = np.full((len(PERCENTILES), rest.shape[1]), np.nan, np.float32)
    covered = np.isfinite(rest).sum(axis=0) >= max(1, COVERED * len(rest))
    if covered.any():
        out[:, covered] = np.nanpercentile(rest[:, covered], PERCENTILES, axis=0)
    return out


def median_spectra(
    clusters: pd.DataFrame, read: Reader, *, per_cluster: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Compute the median spectra of the largest clusters, one cluster in memory at a time.

    Parameters
    ----------
    clusters : pandas.DataFrame
        targetid, cluster (-1 = noise, left out).
    read : callable
        Gets TARGETIDs, gives `COLUMNS` of these galaxies in any order.
    per_cluster : int
        Galaxies drawn at random from each cluster, all of a smaller one.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to ndarray
        `rest_wavelength`, `cluster`, `size`, `used`, `median`, `low`, `high`, see `tables`.
    """
    shown = clusters[(clusters["cluster"] >= 0) & (clusters["cluster"] < LARGEST)]
    rows, found = [], []
    for cluster, members in shown.groupby("cluster"):
        drawn = rng.permutation(members["targetid"].to_numpy())[:per_cluster]
        galaxies = read(drawn)
        rest = rest_spectra(galaxies["spectrum"], galaxies["z"])
        found.append(spread(rest))
        rows.append((cluster, len(members), len(rest)))
        logger.info(
            "Cluster %d: %s of %s galaxies drawn, %s of them with a spectrum and a redshift.",
            *(cluster, f"{len(drawn):,}", f"{len(members):,}", f"{len(rest):,}"),
        )
    counted = np.array(rows, np.int64).reshape(-1, 3).T
    drawn_spectra = np.array(found, np.float32).reshape(-1, len(PERCENTILES), len(REST))
    return (
        {"rest_wavelength": REST}
        | dict(zip(("cluster", "size", "used"), counted, strict=True))
        | dict(zip(("median", "low", "high"), drawn_spectra.transpose(1, 0, 2), strict=True))
    )
