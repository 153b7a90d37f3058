"""Properties that others derive from the best fits of PROVABGS: metallicity, age, star formation rate.

The published catalogue holds the parameters of the fits but not these. They are taken from the table
`desi_provabgs` of the Multimodal Universe, or computed by the package `provabgs`.
"""

import importlib
import logging
from typing import Any

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import ConfigError
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)

Z_VALID = (0.0, 0.6)  # redshifts that the emulator of provabgs was trained on
N_THETA = 12  # of the 13 parameters: the last, of the fibre, belongs to the observation
SFR_GYR = 1.0  # star formation is averaged over the last Gyr, as in the published work


def attach(properties: pd.DataFrame, derived: pd.DataFrame) -> pd.DataFrame:
    """Add derived properties to the matched galaxies.

    Parameters
    ----------
    properties : pandas.DataFrame
        From `crossmatch.crossmatch`.
    derived : pandas.DataFrame
        `targetid`, once each, and columns to add.

    Returns
    -------
    pandas.DataFrame
        Same rows; the columns of `derived` take the place of those called alike, NaN where a galaxy
        is not matched or not in `derived`.
    """
    rows = pd.Index(derived["targetid"]).get_indexer(properties["targetid"])
    known = (rows >= 0) & properties["matched"].to_numpy()
    result = properties.copy()
    for name in derived.columns.drop("targetid"):
        values = np.full(len(properties), np.nan)
        values[known] = derived[name].to_numpy(np.float64)[rows[known]]
        result[name] = values
    n_matched = int(properties["matched"].sum())
    logger.info("%s of %s matched galaxies have derived properties.", f"{known.sum():,}", f"{n_matched:,}")
    return result


def load_sps() -> Any:
    """Load the stellar population model of PROVABGS.

    Returns
    -------
    provabgs.models.NMF
        With starburst and emulator, the variant that the catalogue was fitted with.

    Raises
    ------
    ConfigError
        If the package is not installed.
    """
    try:
        models = importlib.import_module("provabgs.models")
    except ImportError as err:
        raise ConfigError(
            f"`crossmatch.sps` is provabgs, but the package cannot be imported ({err}). Install it from "
            "https://github.com/changhoonhahn/provabgs into the environment that runs the rule, or name the "
            "table of the Multimodal Universe in `crossmatch.mmu_provabgs`."
        ) from err
    return models.NMF(burst=True, emulator=True)


def sps_properties(theta: np.ndarray, z: np.ndarray, sps: Any) -> pd.DataFrame:
    """Compute what best fits mean: metallicity, age and star formation rate.

    Parameters
    ----------
    theta : ndarray of shape (n, 13), float64
        Best fits, `tables.PROVABGS_THETA`.
    z : ndarray of shape (n,), float64
        Redshifts of the fits.
    sps : provabgs.models.NMF
        From `load_sps`.

    Returns
    -------
    pandas.DataFrame
        z_mw [mass fraction], tage_mw [Gyr], avg_sfr [M_sun / yr, mean of the last Gyr]; NaN where the
        redshift is outside (0, 0.6) or a parameter unknown.

    References
    ----------
    Hahn et al. (2023), ApJ 945, 16; the same three calls fill the table of the Multimodal Universe.
    """
    usable = (z > Z_VALID[0]) & (z < Z_VALID[1]) & np.isfinite(theta[:, :N_THETA]).all(axis=1)
    usable &= theta[:, 0] > 0  # placeholders of failed fits are negative
    if not usable.all():
        logger.warning(
            "%s best fits lie outside %g < z < %g or are incomplete: no derived properties.",
            f"{(~usable).sum():,}",
            *Z_VALID,
        )
    values = np.full((len(z), len(tables.MMU_PROVABGS)), np.nan)
    progress = Progress(int(usable.sum()))
    for i in np.flatnonzero(usable):
        best, redshift = theta[i, :N_THETA], float(z[i])
        values[i, 0] = sps.Z_MW(best, zred=redshift).item()
        values[i, 1] = sps.tage_MW(best, zred=redshift).item()
        values[i, 2] = sps.avgSFR(best, zred=redshift, dt=SFR_GYR).item()
        progress.update(1)
    return pd.DataFrame(values, columns=list(tables.MMU_PROVABGS.values()))


def from_best_fits(properties: pd.DataFrame, theta: np.ndarray) -> pd.DataFrame:
    """Compute the derived properties of the matched galaxies.

    Parameters
    ----------
    properties : pandas.DataFrame
        From `crossmatch`: targetid, matched, z_hp.
    theta : ndarray of shape (n, 13), float64
        Best fits of the matched ones, in their order.

    Returns
    -------
    pandas.DataFrame
        targetid and the columns of `sps_properties`.

    Raises
    ------
    ConfigError
        If the package that computes them is not installed.
    """
    matched = properties[properties["matched"]]
    values = sps_properties(theta, matched["z_hp"].to_numpy(np.float64), load_sps())
    return values.assign(targetid=matched["targetid"].to_numpy())
