"""What resolved disc galaxies show besides smooth profiles: spiral arms, knots, rings, bars, dust lanes.

All choices here are made by eye, against cutouts of the Legacy Surveys.
"""

import functools

import numpy as np

from galaxypair.mock import profiles

RESOLVED_ARCSEC = 1.2  # half-light radius from which discs show structure
EDGE_ON = 0.3  # axis ratio below which a disc shows a dust lane instead of arms

# relative strength in g, r, z
BLUE = np.array([1.25, 1.0, 0.75], np.float32)
RED = np.array([0.8, 1.0, 1.15], np.float32)
DUST = np.array([0.65, 0.5, 0.3], np.float32)


@functools.cache
def _offsets(n_px: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = (np.mgrid[:n_px, :n_px] - n_px // 2).astype(np.float32)
    return x, y


def structured_disc(
    n_px: int, half_light_px: float, axis_ratio: float, angle: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw a resolved disc: arms with knots and perhaps a ring and a bar, or a dust lane edge-on.

    Parameters
    ----------
    n_px : int
        Side of the stamp.
    half_light_px : float [pixel]
    axis_ratio : float
    angle : float [rad]
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (3, n_px, n_px // 2 + 1), complex64
        Of unit flux in each of g, r, z.
    """
    disc = profiles.exponential(n_px, half_light_px, axis_ratio, angle)
    if axis_ratio < EDGE_ON:
        lane = profiles.from_stamp(_dust_lane(n_px, half_light_px, axis_ratio, angle, rng))
        lost = DUST[:, None, None] * np.float32(rng.uniform(0.3, 1)) * lane
        return (disc - lost) / (1 - lost[:, :1, :1].real)
    arms = profiles.from_stamp(_arms(n_px, half_light_px, axis_ratio, angle, rng))
    share = np.clip(rng.uniform(0.1, 0.6) * BLUE, 0, 0.8).astype(np.float32)[:, None, None]
    disc = (1 - share) * disc + share * arms
    if rng.random() < 0.35:
        size, tilt = half_light_px * rng.uniform(0.25, 0.5), rng.uniform(0, np.pi)
        bar = profiles.gaussian(n_px, size, rng.uniform(0.25, 0.4), tilt)
        share = np.float32(rng.uniform(0.05, 0.2)) * RED[:, None, None]
        disc = (1 - share) * disc + share * bar
    return disc


def _in_disc(n_px: int, axis_ratio: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates [pixel] along and across the major axis, scaled so that areas are kept."""
    x, y = _offsets(n_px)
    cos, sin, root = np.float32(np.cos(angle)), np.float32(np.sin(angle)), np.float32(axis_ratio**0.5)
    return (x * cos + y * sin) * root, (y * cos - x * sin) / root


def _arms(
    n_px: int, half_light_px: float, axis_ratio: float, angle: float, rng: np.random.Generator
) -> np.ndarray:
    """Logarithmic spiral with knots of star formation, one in six with a ring; flux 1."""
    along, across = _in_disc(n_px, axis_ratio, angle)
    radius = np.hypot(along, across) + np.float32(0.2)
    scaled = radius / np.float32(half_light_px)
    n_arms, pitch = int(rng.choice([2, 2, 2, 3, 4])), np.tan(np.radians(rng.uniform(12, 28)))
    phase = np.arctan2(across, along) - np.log(radius) / np.float32(pitch) + np.float32(rng.uniform(0, 6.28))
    light = np.exp(-1.3 * scaled + 2.2 * np.cos(n_arms * phase)) * (1 - np.exp(-((2.5 * scaled) ** 2)))
    if rng.random() < 1 / 6:
        ring = np.exp(-0.5 * ((scaled - np.float32(rng.uniform(0.7, 1.6))) / np.float32(0.12)) ** 2)
        light += np.float32(rng.uniform(0.3, 1)) * ring
    # knots fall where the arms are bright
    cumulative = np.cumsum(light)
    n_knots = rng.integers(3, 30)
    at = np.searchsorted(cumulative, rng.random(n_knots) * cumulative[-1] * (1 - 1e-6))
    flux = rng.dirichlet(np.full(n_knots, 0.7)) * rng.uniform(0.03, 0.2) * cumulative[-1]
    np.add.at(light.reshape(-1), at, flux.astype(np.float32))
    return light / light.sum()


def _dust_lane(
    n_px: int, half_light_px: float, axis_ratio: float, angle: float, rng: np.random.Generator
) -> np.ndarray:
    """Light of an exponential disc of flux 1 that a lane along its major axis covers."""
    along, across = _in_disc(n_px, axis_ratio, angle)
    scaled = np.hypot(along, across) * np.float32(1.67835 / half_light_px)
    light = np.exp(-scaled) * np.float32((1.67835 / half_light_px) ** 2 / (2 * np.pi))
    width = half_light_px * rng.uniform(0.25, 0.5)
    return light * np.exp(-((across / np.float32(width)) ** 2))
