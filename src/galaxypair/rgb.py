"""Colour pictures of cutouts, for the eye only: no encoder sees them."""

import numpy as np

from galaxypair import tables

OFFSET = 0.03
SOFTENING = 20.0
FLOOR = 1e-6  # keeps the division finite where all bands are at or below the offset


def to_rgb(image: np.ndarray) -> np.ndarray:
    """Stretch g, r, z cutouts to colours as the Legacy Surveys' sky viewer shows them.

    Parameters
    ----------
    image : ndarray of shape (..., 3), float32 [nanomaggies / pixel]
        Bands in the order g, r, z; pixels that are not finite come out black.

    Returns
    -------
    ndarray of shape (..., 3), float32
        Red, green, blue in [0, 1].

    Notes
    -----
    The asinh stretch of Lupton et al. (2004, PASP 116, 133) with the constants of the second data
    release of the Legacy Surveys: all bands are scaled by one function of the mean intensity, so
    that bright cores keep their colour.
    """
    zrg = np.nan_to_num(image[..., ::-1], nan=0.0, posinf=0.0, neginf=0.0)
    scaled = zrg.astype(np.float32) * np.float32(tables.DISPLAY_SCALES[::-1]) + np.float32(OFFSET)
    intensity = np.maximum(scaled, 0).mean(axis=-1, keepdims=True) + np.float32(FLOOR)
    stretched = np.arcsinh(SOFTENING * intensity) / np.sqrt(SOFTENING)
    return np.clip(scaled * (stretched / intensity), 0, 1)


def upright(image: np.ndarray) -> np.ndarray:
    """Swap the axes (x, y) of stored cutouts to the rows and columns of a picture.

    Parameters
    ----------
    image : ndarray of shape (..., x, y, band)
        As in the joint file.

    Returns
    -------
    ndarray of shape (..., y, x, band)
        Drawn with row 0 at the bottom, north is up and east is left.
    """
    return np.swapaxes(image, -3, -2)
