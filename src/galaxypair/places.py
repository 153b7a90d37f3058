"""Which targets lie at one place on the sky, so that no galaxy gets on two sides of a split."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def position_groups(
    targetid: np.ndarray, ra: np.ndarray, dec: np.ndarray, radius_arcsec: float
) -> dict[int, int]:
    """Find targets that lie at one place on the sky.

    Parameters
    ----------
    targetid : ndarray of shape (n,), int64
    ra, dec : ndarray of shape (n,), float64 [deg]
    radius_arcsec : float
        Targets closer than this belong together, and so do chains of them; 0: none do.

    Returns
    -------
    dict of int to int
        TARGETID to number of its group, only for groups of two or more different targets.
    """
    known = np.isfinite(ra) & np.isfinite(dec)
    targetid, first = np.unique(targetid[known], return_index=True)
    if len(targetid) < 2 or radius_arcsec <= 0:
        return {}
    sky = SkyCoord(ra[known][first], dec[known][first], unit="deg")
    i, j, _, _ = search_around_sky(sky, sky, radius_arcsec * u.arcsec)
    n = len(targetid)
    _, label = connected_components(coo_array((np.ones(len(i)), (i, j)), shape=(n, n)), directed=False)
    shared = np.bincount(label)[label] > 1
    return dict(zip(targetid[shared].tolist(), label[shared].tolist(), strict=True))
