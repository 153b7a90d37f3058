"""From the Legacy Survey viewer's colour pictures back to approximate fluxes."""

from itertools import pairwise

import numpy as np
from scipy import ndimage

from galaxypair import tables
from galaxypair.rgb import OFFSET, SOFTENING

FULL = 0.995  # of the range: brighter than this counts as clipped
MOST = 2.5  # of the range: beyond what the core of a nearby galaxy would reach


def unstretch(rgb: np.ndarray) -> np.ndarray:
    """Invert the stretch of the Legacy Survey viewer's grz pictures.

    Parameters
    ----------
    rgb : ndarray of shape (h, w, 3)
        Red, green, blue in [0, 1], that is, the bands z, r, g.

    Returns
    -------
    ndarray of shape (3, h, w), float64 [nanomaggies / pixel of 0.262 arcsec]
        Bands g, r, z; finite everywhere.

    Notes
    -----
    The viewer shows ``clip(u f(I) / I)`` with ``u = scale * flux + offset``, ``I`` the mean of u
    over the bands and ``f(I) = arcsinh(softening I) / sqrt(softening)``. The mean of the shown
    bands is f(I), which gives I and then u. A band clipped at full brightness is first restored
    from its colour in the nearest unclipped pixels; where all are clipped the result is a
    lower limit, and a band clipped at 0 is an upper limit of its (negative) noise. The viewer does
    not rescale fluxes with the pixel scale asked of it, so they are per pixel of 0.262 arcsec.

    References
    ----------
    Lupton et al. 2004, PASP 116, 133.
    """
    shown = _restore_clipped(np.moveaxis(np.asarray(rgb, float), -1, 0)[::-1])
    stretched = shown.mean(axis=0)
    intensity = np.sinh(np.sqrt(SOFTENING) * stretched) / SOFTENING
    gain = np.divide(intensity, stretched, out=np.zeros_like(intensity), where=stretched > 0)
    return (shown * gain - OFFSET) / np.array(tables.DISPLAY_SCALES)[:, None, None]


def _restore_clipped(shown: np.ndarray) -> np.ndarray:
    """Estimate clipped bands from the colour of the nearest pixels that are not clipped."""
    clipped = shown >= FULL
    restored = shown.copy()
    # from the band clipped least to the one clipped most, each from the one before: the two compared
    # are then bright where their colour is taken, and the offset of the stretch does not matter
    order = np.argsort(clipped.sum(axis=(1, 2)), kind="stable")
    for reference, band in pairwise(order):
        good = ~clipped[band] & ~clipped[reference]
        if not clipped[band].any() or not good.any():
            continue
        nearest = ndimage.distance_transform_edt(~good, return_distances=False, return_indices=True)
        smooth = [ndimage.uniform_filter(np.where(good, shown[b], 0.0), 3) for b in (band, reference)]
        ratio = smooth[0] / np.maximum(smooth[1], 1 / 255)
        estimate = ratio[tuple(nearest)] * restored[reference]
        restored[band][clipped[band]] = np.clip(estimate[clipped[band]], 1.0, MOST)
    return restored
