"""The mock PROVABGS catalogue: true properties plus errors like those of a Bayesian fit.

References
----------
Hahn et al. (2023), ApJ 945, 16 (PROVABGS) and the data model of the DESI early data release.
"""

import numpy as np

from galaxypair.mock.library import AGE_MID_GYR, N_RECENT, SOLAR_METALLICITY
from galaxypair.mock.light import universe_age_gyr

FAILED = -999.0  # what the published catalogue writes for a fit that failed
FAILED_FRACTION = 0.02
N_SAMPLES = 100
_RECENT_YEARS = 1e9

# Errors of (log mass, log metallicity, log age, log SFR) are correlated: an older fit is heavier,
# poorer in metals and forms fewer stars. Chosen, in the sense of the age-metallicity degeneracy.
_CORRELATION = np.array(
    [[1.0, -0.2, 0.5, 0.2], [-0.2, 1.0, -0.6, 0.0], [0.5, -0.6, 1.0, -0.3], [0.2, 0.0, -0.3, 1.0]]
)


def provabgs_columns(rows: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Make the rows of a PROVABGS catalogue.

    Parameters
    ----------
    rows : structured ndarray of shape (n,)
        With the columns of `survey.ROW_DTYPE`.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to ndarray of shape (n, ...)
        Columns of the published file, and Z_MW, TAGE_MW, AVG_SFR, which others derive from it.

    Notes
    -----
    PROVABGS_THETA_BF and PROVABGS_MCMC hold, in the published order, log10 of the formed mass, the
    *mass fractions* of four ages (not coefficients of the published basis, so that the code of
    PROVABGS cannot be run on them), burst, metallicity (twice), dust and fibre fraction.
    """
    n = len(rows)
    magnitude = 22.5 - 2.5 * np.log10(rows["flux"]) + rng.normal(0, [0.02, 0.02, 0.02, 0.05], (n, 4))
    fit = _fit(rows, magnitude[:, 1], rng)
    theta = _theta(rows)
    g, r, z, w1 = magnitude.T
    return {
        "TARGETID": rows["targetid"],
        "RA": rows["ra"],
        "DEC": rows["dec"],
        "Z_HP": rows["z_observed"].astype("f8"),
        "ZERR": np.full(n, 3e-5),
        "TSNR2_BGS": rng.lognormal(7, 0.5, n).astype("f4"),
        "MAG_G": g,
        "MAG_R": r,
        "MAG_Z": z,
        "MAG_W1": w1,
        "FIBMAG_R": r - 2.5 * np.log10(rows["fibre_fraction"][:, 1]),
        "SCHLEGEL_COLOR": z - w1 - 1.2 * (g - r) + 1.2,
        "HPIX_64": healpix_nested(rows["ra"], rows["dec"]),
        "PROVABGS_MCMC": theta[:, None] * rng.normal(1, [0.008] + [0.08] * 12, (n, N_SAMPLES, 13)),
        "PROVABGS_THETA_BF": theta,
        "PROVABGS_W_ZFAIL": np.ones(n),
        "PROVABGS_W_FIBASSIGN": np.ones(n),
        "PROVABGS_Z_MAX": _farthest_visible(rows["z"], r),
        "IS_BGS_BRIGHT": r < 19.5,
        "IS_BGS_FAINT": r >= 19.5,
        **fit,
    }


def _theta(rows: np.ndarray) -> np.ndarray:
    metallicity = SOLAR_METALLICITY * 10 ** rows["log_z_stars"]
    return np.c_[
        rows["log_m_formed"],
        np.add.reduceat(rows["age_fraction"], [0, N_RECENT, 9, 11], 1),
        rows["burst_fraction"],
        rows["burst_age"],
        metallicity,
        metallicity,
        rows["tau_bc"],
        rows["tau_ism"],
        rows["dust_slope"],
        rows["fibre_fraction"][:, 1],
    ].astype("f8")


def true_properties(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Properties that PROVABGS estimates, without error.

    Parameters
    ----------
    rows : structured ndarray of shape (n,)
        With the columns of `galaxies.GALAXY_DTYPE`.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        log_mstar [log10 M_sun], z_mw [mass fraction], tage_mw [Gyr], avg_sfr [M_sun / yr, mean of
        the last Gyr].
    """
    recent = rows["age_fraction"][:, :N_RECENT].sum(1, dtype=float)
    return {
        "log_mstar": rows["log_mstar"].astype(float),
        "z_mw": SOLAR_METALLICITY * 10.0 ** rows["log_z_stars"],
        "tage_mw": rows["age_fraction"] @ AGE_MID_GYR,
        "avg_sfr": 10.0 ** rows["log_m_formed"] * recent / _RECENT_YEARS,
    }


def _fit(rows: np.ndarray, r_mag: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Best fits and mass posteriors: errors of 0.06 to 0.2 dex in mass, growing to faint galaxies."""
    n, truth = len(rows), true_properties(rows)
    error = rng.standard_normal((n, 4)) @ np.linalg.cholesky(_CORRELATION).T
    mass_sigma = rng.uniform(0.05, 0.1, n) + 0.03 * np.clip(r_mag - 17, 0, 3)
    sfr_sigma = np.where(rows["quiescent"], 0.35, 0.15)
    log_mstar = truth["log_mstar"] + mass_sigma * error[:, 0]
    failed = rng.random(n) < FAILED_FRACTION
    samples = log_mstar[:, None] + mass_sigma[:, None] * rng.standard_normal((n, N_SAMPLES))
    age = np.minimum(truth["tage_mw"] * 10 ** (0.08 * error[:, 2]), 0.95 * universe_age_gyr(rows["z"]))
    best = {
        "PROVABGS_LOGMSTAR_BF": log_mstar,
        "Z_MW": truth["z_mw"] * 10 ** (0.12 * error[:, 1]),
        "TAGE_MW": age,
        "AVG_SFR": truth["avg_sfr"] * 10 ** (sfr_sigma * error[:, 3]),
    }
    return {
        "PROVABGS_LOGMSTAR": np.where(failed[:, None], FAILED, samples),
        **{name: np.where(failed, FAILED, values) for name, values in best.items()},
    }


def _farthest_visible(z: np.ndarray, r_mag: np.ndarray, limit: float = 20.175) -> np.ndarray:
    """Redshift at which a galaxy fades to the survey's limit, for distances that grow like z."""
    return np.clip(z * 10 ** (0.2 * (limit - r_mag)), z, 0.6)


def healpix_nested(ra: np.ndarray, dec: np.ndarray, n_side: int = 64) -> np.ndarray:
    """Pixel of the nested HEALPix scheme, within 41.8 degrees of the equator.

    Parameters
    ----------
    ra, dec : ndarray of shape (n,) [deg]
    n_side : int, default=64
        A power of 2.

    Returns
    -------
    ndarray of shape (n,), int64

    References
    ----------
    Gorski et al. (2005), ApJ 622, 759, section 4.1: the equatorial zone.
    """
    quarter = np.mod(ra, 360) / 90
    along, across = n_side * (0.5 + quarter), n_side * 0.75 * np.sin(np.radians(dec))
    down, up = np.floor(along - across).astype(np.int64), np.floor(along + across).astype(np.int64)
    face_down, face_up = down // n_side, up // n_side
    polar = np.where(face_down < face_up, face_down, face_up + 8)
    face = np.where(face_down == face_up, face_down % 4 + 4, polar)
    x, y = up % n_side, n_side - 1 - down % n_side
    pixel = face * n_side**2
    for bit in range(n_side.bit_length() - 1):
        pixel += ((x >> bit & 1) << 2 * bit) + ((y >> bit & 1) << 2 * bit + 1)
    return pixel
