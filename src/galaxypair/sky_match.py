"""Pair two catalogues by their places on the sky."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord


def match(
    ra: np.ndarray, dec: np.ndarray, other_ra: np.ndarray, other_dec: np.ndarray, radius_arcsec: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pair positions that are each other's nearest, over the whole sky at once.

    Parameters
    ----------
    ra, dec : ndarray of shape (n,), float64 [deg]
    other_ra, other_dec : ndarray of shape (m,), float64 [deg]
    radius_arcsec : float
        Largest separation of a pair.

    Returns
    -------
    first, second : ndarray of shape (k,), int64
        Rows of the pairs, rising in `first`; each row occurs once at most.

    Notes
    -----
    The Multimodal Universe's own utility matches within each HEALPix cell, which loses the pairs that
    a cell border parts.
    """
    known, other_known = (np.flatnonzero(np.isfinite(a) & np.isfinite(b))
                          for a, b in ((ra, dec), (other_ra, other_dec)))  # fmt: skip
    if not len(known) or not len(other_known):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    sky = SkyCoord(ra[known], dec[known], unit="deg")
    other = SkyCoord(other_ra[other_known], other_dec[other_known], unit="deg")
    nearest, separation, _ = sky.match_to_catalog_sky(other)
    back, _, _ = other.match_to_catalog_sky(sky)
    pairs = (back[nearest] == np.arange(len(sky))) & (separation <= radius_arcsec * u.arcsec)
    return known[pairs], other_known[nearest[pairs]]
