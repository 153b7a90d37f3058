"""Galaxies that the survey observes again: new spectra, but cutouts of one and the same coadd.

The imaging survey is done once, so a second exposure of the fibre brings no second image. Under the
same TARGETID the cutout is the same to the last bit; under another one the catalogue places the
galaxy a fraction of a pixel beside, and the cutout is the same pixels, noise and all, resampled there.
"""

import numpy as np
from scipy import ndimage

from galaxypair.tables import PIXEL_SCALE_ARCSEC


def first_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows that observe a galaxy again, and the rows that observed it first.

    Parameters
    ----------
    rows : structured ndarray of shape (n,)
        targetid, and repeats: TARGETID of the row that this one observes again, -1 if none.

    Returns
    -------
    again, first : ndarray of shape (n_repeats,), int64
        Positions in `rows`.
    """
    again, once = np.flatnonzero(rows["repeats"] >= 0), np.flatnonzero(rows["repeats"] < 0)
    once = once[np.argsort(rows["targetid"][once])]
    return again, once[np.searchsorted(rows["targetid"][once], rows["repeats"][again])]


def offset_px(row: np.void, first: np.void) -> tuple[float, float]:
    """By how much the sky moves in a cutout around one place against that around another.

    Parameters
    ----------
    row, first : structured scalars
        ra, dec [deg].

    Returns
    -------
    tuple of two floats [pixel]
        Along x, which grows to the west, and y, which grows to the north.
    """
    east = (row["ra"] - first["ra"]) * np.cos(np.radians(first["dec"]))
    north = row["dec"] - first["dec"]
    return east * 3600 / PIXEL_SCALE_ARCSEC, -north * 3600 / PIXEL_SCALE_ARCSEC


def cut_again(image: np.ndarray, offset: tuple[float, float]) -> np.ndarray:
    """Resample a cutout around another place.

    Parameters
    ----------
    image : ndarray of shape (152, 152, 3), float32 [nanomaggies / pixel]
        Axes x, y, band; without pixels of no data.
    offset : tuple of two floats [pixel]
        From `offset_px`.

    Returns
    -------
    ndarray of shape (152, 152, 3), float32 [nanomaggies / pixel]
        By cubic splines; the image itself where nothing moves. What the first cutout does not hold,
        a pixel along two edges, continues its last row. Never exactly 0.
    """
    if offset == (0, 0):
        return image
    bands = [ndimage.shift(band, offset, np.float32, mode="nearest") for band in np.moveaxis(image, 2, 0)]
    moved = np.stack(bands, axis=2)
    moved[moved == 0] = 1e-9
    return moved
