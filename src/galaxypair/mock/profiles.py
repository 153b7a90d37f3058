"""Light profiles and point-spread functions as real half planes of Fourier space.

A profile lives on the half plane of `numpy.fft.rfft2` of an (n_px, n_px) stamp, centred on its
pixel (0, 0): a sum of profiles, a convolution or a shift is one multiplication there.
"""

import functools
from dataclasses import dataclass

import galsim
import numpy as np
import scipy.fft
from scipy.special import gamma

from galaxypair.tables import PIXEL_SCALE_ARCSEC

SERSIC_INDICES = (1.5, 2.0, 3.0, 4.0, 5.0)
_TABLE_STEP, _TABLE_SIZE = 0.02, 4000  # of the radial tables, in wave number times half-light radius


@dataclass(frozen=True)
class Plane:
    """Wave numbers of a stamp's half plane.

    Attributes
    ----------
    n_px : int
    x, y : ndarray of shape (1, n_px // 2 + 1) and (n_px, 1), float32 [1 / pixel]
    weight : ndarray of shape (1, n_px // 2 + 1), float32
        2 for columns that stand for their mirror image too.
    """

    n_px: int
    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray


@functools.cache
def plane(n_px: int) -> Plane:
    """Wave numbers of the half plane of an (n_px, n_px) stamp.

    Parameters
    ----------
    n_px : int
        Even.

    Returns
    -------
    Plane
    """
    x = 2 * np.pi * np.fft.rfftfreq(n_px)[None].astype(np.float32)
    y = 2 * np.pi * np.fft.fftfreq(n_px)[:, None].astype(np.float32)
    weight = np.full(x.shape, 2, np.float32)
    weight[0, [0, -1]] = 1
    return Plane(n_px, x, y, weight)


def to_stamp(half_plane: np.ndarray, n_px: int) -> np.ndarray:
    """Transform half planes to stamps with the profile's centre on pixel n_px // 2.

    Parameters
    ----------
    half_plane : ndarray of shape (..., n_px, n_px // 2 + 1)
    n_px : int

    Returns
    -------
    ndarray of shape (..., n_px, n_px), float32
    """
    stamp = scipy.fft.irfft2(half_plane, s=(n_px, n_px))
    return np.roll(stamp, (n_px // 2, n_px // 2), (-2, -1))


def from_stamp(stamp: np.ndarray) -> np.ndarray:
    """Transform stamps, centred on pixel n_px // 2, to half planes.

    Parameters
    ----------
    stamp : ndarray of shape (..., n_px, n_px), float32

    Returns
    -------
    ndarray of shape (..., n_px, n_px // 2 + 1), complex64
    """
    half = stamp.shape[-1] // 2
    return scipy.fft.rfft2(np.roll(stamp, (-half, -half), (-2, -1)))


def _radius(n_px: int, size_px: float, axis_ratio: float, angle: float) -> np.ndarray:
    """Wave number times size in the frame of an ellipse whose area does not depend on its shape."""
    k, cos, sin = plane(n_px), np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along, across = k.x * cos + k.y * sin, k.y * cos - k.x * sin
    stretch = np.float32(size_px**2 / axis_ratio)
    squeeze = np.float32(size_px**2 * axis_ratio)
    return np.sqrt(stretch * along**2 + squeeze * across**2)


def exponential(n_px: int, half_light_px: float, axis_ratio: float, angle: float) -> np.ndarray:
    """Exponential disc of unit flux.

    Parameters
    ----------
    n_px : int
    half_light_px : float [pixel]
        Geometric mean of both axes.
    axis_ratio : float
    angle : float [rad]
        Of the major axis, from x to y.

    Returns
    -------
    ndarray of shape (n_px, n_px // 2 + 1), float32
    """
    scaled = _radius(n_px, half_light_px / 1.67835, axis_ratio, angle)
    return (1 + scaled**2) ** np.float32(-1.5)


def gaussian(n_px: int, half_light_px: float, axis_ratio: float, angle: float) -> np.ndarray:
    """Gaussian of unit flux; parameters as in `exponential`.

    Parameters
    ----------
    n_px : int
    half_light_px : float [pixel]
    axis_ratio : float
    angle : float [rad]

    Returns
    -------
    ndarray of shape (n_px, n_px // 2 + 1), float32
    """
    return np.exp(-0.5 * _radius(n_px, half_light_px / 1.17741, axis_ratio, angle) ** 2)


def sersic(n_px: int, index: float, half_light_px: float, axis_ratio: float, angle: float) -> np.ndarray:
    """Sersic profile of unit flux, from a radial table made by GalSim; else as `exponential`.

    Parameters
    ----------
    n_px : int
    index : float
        One of `SERSIC_INDICES`.
    half_light_px : float [pixel]
    axis_ratio : float
    angle : float [rad]

    Returns
    -------
    ndarray of shape (n_px, n_px // 2 + 1), float32
    """
    position = np.minimum(_radius(n_px, half_light_px, axis_ratio, angle) / _TABLE_STEP, _TABLE_SIZE - 2)
    below = position.astype(np.intp)
    table = _sersic_table(index)
    return table[below] + (position - below) * (table[below + 1] - table[below])


@functools.cache
def _sersic_table(index: float) -> np.ndarray:
    profile = galsim.Sersic(index, half_light_radius=1)
    radii = np.arange(_TABLE_SIZE) * _TABLE_STEP
    return np.array([profile.kValue(k, 0).real for k in radii], np.float32)


def reach_px(index: float, half_light_px: float, flux: float, threshold: float) -> float:
    """Radius at which a round Sersic profile falls below a surface brightness.

    Parameters
    ----------
    index : float
    half_light_px : float [pixel]
    flux : float [nanomaggies]
    threshold : float [nanomaggies / pixel]

    Returns
    -------
    float [pixel]

    References
    ----------
    Graham & Driver (2005), PASA 22, 118, eqs. 1 and 4; b_n of Ciotti & Bertin (1999), A&A 352, 447.
    """
    b = 2 * index - 1 / 3 + 0.009876 / index
    area = 2 * np.pi * index * half_light_px**2 * np.exp(b) * b ** (-2 * index) * gamma(2 * index)
    contrast = np.log(flux / area / threshold)
    return half_light_px * max(1 + contrast / b, 0) ** index


def moffat(n_px: int, beta: float, fwhm_px: float) -> np.ndarray:
    """Moffat point-spread function of unit flux.

    Parameters
    ----------
    n_px : int
    beta : float
    fwhm_px : float [pixel]

    Returns
    -------
    ndarray of shape (n_px, n_px // 2 + 1), float32
    """
    profile = galsim.Moffat(beta, fwhm=fwhm_px * PIXEL_SCALE_ARCSEC)
    half = n_px // 2
    image = profile.drawKImage(
        bounds=galsim.BoundsI(0, half, -half, half),
        scale=2 * np.pi / (n_px * PIXEL_SCALE_ARCSEC),
        recenter=False,
    )
    return np.fft.ifftshift(image.array[:-1].real, 0).astype(np.float32)


def disc_mask(n_px: int, radius_px: float) -> np.ndarray:
    """Weights whose sum over a profile's half plane is the flux inside a circle at its centre.

    Parameters
    ----------
    n_px : int
    radius_px : float [pixel]

    Returns
    -------
    ndarray of shape (n_px, n_px // 2 + 1), float32
    """
    y, x = np.mgrid[:n_px, :n_px] - n_px // 2
    # the pixels on the rim count by their share inside, to a tenth of a pixel
    inside = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return from_stamp(inside).real * plane(n_px).weight / n_px**2
