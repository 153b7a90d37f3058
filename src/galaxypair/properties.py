"""Properties of galaxies that are predicted: columns of the catalogue, and what is derived from them."""

import difflib
import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import ConfigError

logger = logging.getLogger(__name__)

REDSHIFTS = ("z", "z_hp")  # errors of these are relative to 1 + z


def choose_targets(
    properties: pd.DataFrame, wanted: Sequence[str] | None, key: str = "zeroshot.targets"
) -> list[str]:
    """Names of the properties to predict.

    Parameters
    ----------
    properties : pandas.DataFrame
    wanted : sequence of str, optional
        Columns of `properties`, `log_` names of such columns, `log_ssfr` or `ln_avg_sfr_over_z_mw`.
        None: those of `tables.TARGETS` that some galaxy has.
    key : str, default="zeroshot.targets"
        Of the config, that names them.

    Returns
    -------
    list of str

    Raises
    ------
    ConfigError
        If a wanted property cannot be had.
    """
    if wanted is None:
        return [t for t in tables.TARGETS if np.isfinite(target_values(properties, t)).any()]
    for name in wanted:
        if not np.isfinite(target_values(properties, name)).any():
            known = [c for c in properties.columns if np.isfinite(target_values(properties, c)).any()]
            near = difflib.get_close_matches(name, [*known, *tables.TARGETS], n=1)
            hint = f"Did you mean `{near[0]}`? " if near else ""
            raise ConfigError(
                f"`{key}` names `{name}`, of which no galaxy in crossmatch/properties.parquet "
                f"has a value. {hint}It has values of: {', '.join(known)}; `log_` before a name takes "
                "the logarithm."
            )
    return list(dict.fromkeys(wanted))


def target_values(properties: pd.DataFrame, target: str) -> np.ndarray:
    """Values of one property, derived if it is no column itself.

    Parameters
    ----------
    properties : pandas.DataFrame
    target : str

    Returns
    -------
    ndarray of shape (n,), float64
        NaN where it is unknown, or the logarithm undefined; NaN throughout if it cannot be had.

    Notes
    -----
    `log_ssfr` is log10(avg_sfr) - log_mstar [log10 yr^-1], `g_r` the colour mag_g - mag_r [mag]. The
    published AstroCLIP code divides by metallicity where it says sSFR: to compare with its tables there
    is `ln_avg_sfr_over_z_mw`, which means nothing else. Its `Z_MW` is the natural logarithm, `log_z_mw`
    that to base 10 (R2 is the same).
    """
    if target == "ln_avg_sfr_over_z_mw" and target not in properties:
        ratio = target_values(properties, "log_avg_sfr") - target_values(properties, "log_z_mw")
        return np.log(10) * ratio
    if target == "g_r" and target not in properties:
        return target_values(properties, "mag_g") - target_values(properties, "mag_r")
    if target == "log_ssfr" and target not in properties:
        return target_values(properties, "log_avg_sfr") - target_values(properties, "log_mstar")
    name = target if target in properties else target.removeprefix("log_")
    if name not in properties or properties[name].dtype.kind not in "fiu":
        return np.full(len(properties), np.nan)
    values = properties[name].to_numpy(np.float64)
    if name == target:
        return np.where(np.isfinite(values), values, np.nan)
    positive = np.isfinite(values) & (values > 0)
    return np.log10(values, out=np.full(len(values), np.nan), where=positive)


def label_matrix(properties: pd.DataFrame, targetid: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Look up properties of galaxies.

    Parameters
    ----------
    properties : pandas.DataFrame
    targetid : ndarray of shape (n,), int64
    names : sequence of str
        As for `target_values`.

    Returns
    -------
    ndarray of shape (n, len(names)), float64
        NaN where a value, or the galaxy, is unknown.
    """
    rows = pd.Index(properties["targetid"]).get_indexer(targetid)
    columns = [np.where(rows < 0, np.nan, target_values(properties, name)[rows]) for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((len(targetid), 0))
