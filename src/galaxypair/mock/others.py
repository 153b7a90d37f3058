"""Spectra and images of what is no galaxy of the survey, for networks that must learn to say so.

Spectra are noise-free: stars, quasars, galaxies beyond the survey, spectra that nature does not make.
Images are whole cutouts with their noise.
"""

import numpy as np

from galaxypair.mock import images, profiles
from galaxypair.mock.features import N_PX, gaussians, moved, ripple, unit
from galaxypair.mock.library import StellarLibrary
from galaxypair.mock.quasars import quasar
from galaxypair.mock.spectra import WAVELENGTH
from galaxypair.mock.stars import star
from galaxypair.tables import IMAGE_PX

KINDS = ("star", "quasar", "distant", "scrambled", "featureless")
SHARES = (0.4, 0.2, 0.2, 0.1, 0.1)  # of the spectra, in the order of KINDS
Z_DISTANT = (0.88, 1.7)
IMAGE_KINDS = ("blank", "field", "star", "noise", "one_band", "trail")
IMAGE_SHARES = (0.15, 0.25, 0.4, 0.05, 0.05, 0.1)  # in the order of IMAGE_KINDS

# absorption (Fe II, Mg II, Mg I) of galaxies in the near ultraviolet: vacuum wavelength, relative depth
_ULTRAVIOLET = np.array(
    (
        *((2344.21, 0.6), (2374.46, 0.5), (2382.77, 0.7), (2586.65, 0.6), (2600.17, 0.7)),
        *((2796.35, 1.0), (2803.53, 0.9), (2852.96, 0.3)),
    )
).T
_ARMS = (5790, 7570)  # Angstrom, where DESI's three cameras meet
_SATURATION = np.array([7.0, 10.0, 18.0], np.float32)  # nanomaggies / pixel in g, r, z
_SHORT, _LONG = images.STAMPS_PX[0], images.STAMPS_PX[-1]


def draw_spectra(
    n: int,
    galaxies_flux: np.ndarray,
    galaxies_z: np.ndarray,
    library: StellarLibrary,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw noise-free spectra of all kinds, in random order.

    Parameters
    ----------
    n : int
    galaxies_flux : ndarray of shape (m, 7781)
        Noise-free mock galaxies, of which distant and scrambled ones are made.
    galaxies_z : ndarray of shape (m,)
    library : StellarLibrary
    rng : numpy.random.Generator

    Returns
    -------
    flux : ndarray of shape (n, 7781), float32
        On `spectra.WAVELENGTH`, mean |flux| 1.
    kind : ndarray of shape (n,), int8
        Position in `KINDS`, in the shares of `SHARES` to within one row.
    """
    kind = _draw_kinds(n, SHARES, rng)
    flux = np.empty((n, N_PX), np.float32)
    for row, name in enumerate(KINDS[k] for k in kind):
        which = rng.integers(len(galaxies_z))
        match name:
            case "star":
                flux[row] = star(rng, library)
            case "quasar":
                flux[row] = quasar(rng)
            case "distant":
                flux[row] = distant(rng, galaxies_flux[which], galaxies_z[which])
            case "scrambled":
                flux[row] = scrambled(rng, galaxies_flux[which])
            case _:
                flux[row] = featureless(rng)
    return flux, kind


def _draw_kinds(n: int, shares: tuple[float, ...], rng: np.random.Generator) -> np.ndarray:
    """Kinds in fixed numbers, at random places: (n,), int8."""
    ends = np.rint(np.cumsum(shares) * n)
    return rng.permutation(np.searchsorted(ends, np.arange(n), side="right").astype(np.int8))


def distant(rng: np.random.Generator, flux: np.ndarray, z: float) -> np.ndarray:
    """Move a galaxy to a redshift beyond the survey, 0.88 to 1.7.

    Parameters
    ----------
    rng : numpy.random.Generator
    flux : ndarray of shape (7781,)
        Noise-free.
    z : float

    Returns
    -------
    ndarray of shape (7781,), float32
        As from `distant_at`.
    """
    return distant_at(rng.uniform(*Z_DISTANT), rng, flux, z)


def distant_at(new_z: float, rng: np.random.Generator, flux: np.ndarray, z: float) -> np.ndarray:
    """Move a galaxy to a larger redshift; what it lacks in the blue is a power law with lines of gas.

    Parameters
    ----------
    new_z : float
    rng : numpy.random.Generator
    flux : ndarray of shape (7781,)
        Noise-free.
    z : float
        Smaller than `new_z`.

    Returns
    -------
    ndarray of shape (7781,), float32
        Mean |flux| 1.
    """
    factor = (1 + new_z) / (1 + z)
    there = moved(flux, factor)
    edge = WAVELENGTH[0] * factor
    missing = WAVELENGTH < edge
    seen = there[~missing][:800]
    level, next_level = seen[: len(seen) // 4].mean(), seen[len(seen) // 2 :].mean()
    # red galaxies keep falling, star-forming ones are flat or rise
    slope = rng.uniform(-1.5, 0.5) + 2 * np.clip(np.log(next_level / level), 0, 2)
    ultraviolet = level * (WAVELENGTH / edge) ** slope
    centre, depth = _ULTRAVIOLET
    tau = rng.uniform(0, 1.2) * depth * rng.lognormal(0, 0.2, len(depth))
    gas = np.exp(-gaussians(centre * (1 + new_z), rng.uniform(1.5, 4) * (1 + new_z) / 2, tau))
    stars = 1 + rng.uniform(0, 0.06) * ripple(rng.uniform(4, 10), rng)
    return unit(np.where(missing, ultraviolet * gas * stars, there))


def scrambled(rng: np.random.Generator, flux: np.ndarray) -> np.ndarray:
    """Turn a spectrum round, or cut it and put the pieces in another order, some of them reversed.

    Parameters
    ----------
    rng : numpy.random.Generator
    flux : ndarray of shape (7781,)

    Returns
    -------
    ndarray of shape (7781,), float32
        Mean |flux| 1. No piece stays at either end, where it would keep its wavelengths.
    """
    if rng.random() < 0.3:
        return unit(flux[::-1])
    n_piece = rng.integers(4, 12)
    cuts = np.sort(rng.choice(np.arange(40, N_PX - 40), n_piece - 1, replace=False))
    pieces = np.split(np.asarray(flux), cuts)
    order = rng.permutation(n_piece)
    while order[0] == 0 or order[-1] == n_piece - 1:
        order = rng.permutation(n_piece)
    return unit(np.concatenate([pieces[i][:: rng.choice([-1, 1])] for i in order]))


def featureless(rng: np.random.Generator) -> np.ndarray:
    """Draw a smooth curve: bare, with random bumps and dips, or with steps between the cameras.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (7781,), float32
        Mean |flux| 1.
    """
    x = np.linspace(-1, 1, N_PX)
    flux = np.exp(rng.normal(0, 0.6) * x + rng.normal(0, 0.3) * x**2 + rng.normal(0, 0.2) * x**3)
    kind = rng.choice(["bare", "bumps", "steps"], p=[0.4, 0.4, 0.2])
    if kind == "bumps":
        n = rng.integers(1, 7)
        height = rng.choice([-0.9, 3], n) * rng.uniform(0.05, 1, n)
        flux *= np.exp(gaussians(rng.uniform(3600, 9824, n), 10 ** rng.uniform(-0.1, 2.2, n), height))
    if kind == "steps":
        flux *= rng.lognormal(0, 0.4, 3)[np.searchsorted(_ARMS, WAVELENGTH)]
        flux *= 1 + rng.uniform(0, 0.15) * ripple(rng.uniform(20, 300), rng)
    return unit(flux)


def draw_images(n: int, bank: images.Bank, rng: np.random.Generator) -> np.ndarray:
    """Draw cutouts with no galaxy in their middle, in random order and the shares of `IMAGE_SHARES`.

    Parameters
    ----------
    n : int
    bank : images.Bank
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n, 152, 152, 3), float32 [nanomaggies / pixel]
        Axes as from `images.render`; exactly 0 only where a band has no data.

    Notes
    -----
    blank: sky alone; field: neighbours alone (one in a hundred has one in the middle, by chance); star:
    from r = 10 (saturated) to 23; noise: 0.2 to 10 times as strong as the survey's; one_band: a field
    with data in one band; trail: a satellite or aircraft across a field, in one band.
    """
    return np.array([_image(IMAGE_KINDS[k], bank, rng) for k in _draw_kinds(n, IMAGE_SHARES, rng)])


def _image(kind: str, bank: images.Bank, rng: np.random.Generator) -> np.ndarray:
    image = np.zeros((IMAGE_PX, IMAGE_PX, 3), np.float32)
    if kind in ("field", "star", "one_band", "trail"):
        which = rng.integers(len(bank.neighbours))
        images.add_neighbours(image, bank.neighbours[which], rng)
    if kind == "star":
        _add_star(image, bank.psf, which, rng)
    if kind == "trail":
        _add_trail(image, rng)
    image = images.add_noise(image, rng)
    if kind == "noise":
        image *= np.float32(10 ** rng.uniform(-0.7, 1))
    if kind == "one_band":
        image[..., np.delete(np.arange(3), rng.integers(3))] = 0
    return image


def _add_star(image: np.ndarray, psf: dict[int, np.ndarray], which: int, rng: np.random.Generator) -> None:
    """Add a star near the middle, in place."""
    r = rng.uniform(10, 23)
    g_r = np.clip(rng.normal(0.7, 0.4), -0.4, 1.7)
    # r - z of M stars grows while g - r stands still
    r_z = 0.6 * (g_r - 0.2) + (rng.uniform(0, 0.9) if g_r > 1.3 else 0)
    flux = (10 ** (0.4 * (22.5 - r - np.array([g_r, 0, -r_z])))).astype(np.float32)
    n_px = _LONG if r < 17 else _SHORT
    place = images.shift(n_px, *rng.uniform(-0.5, 0.5, 2))
    star_image = np.zeros_like(image)
    stamp = profiles.to_stamp(psf[n_px][which] * place * flux[:, None, None], n_px)
    images.paste(star_image, stamp.transpose(2, 1, 0), IMAGE_PX // 2, IMAGE_PX // 2)
    if (star_image > _SATURATION).any():
        _saturate(star_image, rng)
    image += star_image


def _saturate(image: np.ndarray, rng: np.random.Generator) -> None:
    """Give a bright star spikes and a flat top, and let it bleed along the columns, in place."""
    excess = np.clip(image - _SATURATION, 0, None).sum((0, 1))
    middle = IMAGE_PX // 2
    x = np.arange(IMAGE_PX, dtype=np.float32) - middle
    along, across = x[:, None], x[None]
    turned = rng.uniform(0, np.pi / 2)
    for angle in (turned, turned + np.pi / 2):  # the mirror's supports
        off = np.abs(across * np.cos(angle) - along * np.sin(angle))
        spike = np.exp(-off / 0.8) / (np.hypot(along, across) + 2) ** 1.5
        image += (2e-3 * excess * spike[..., None]).astype(np.float32)
    np.minimum(image, _SATURATION, out=image)
    for band in np.flatnonzero(excess):
        half = min(int(0.15 * excess[band] ** 0.5), middle)
        width = 1 + half // 30
        trail = image[middle - width : middle + width, middle - half : middle + half, band]
        np.maximum(trail, 0.7 * _SATURATION[band], out=trail)


def _add_trail(image: np.ndarray, rng: np.random.Generator) -> None:
    """Add a straight trail through one band, in place."""
    x = np.arange(IMAGE_PX) - IMAGE_PX // 2
    angle = rng.uniform(0, np.pi)
    off = x[:, None] * np.sin(angle) - x * np.cos(angle) - rng.uniform(-40, 40)
    profile = np.exp(-0.5 * (off / rng.uniform(1.5, 5)) ** 2)
    image[..., rng.integers(3)] += (10 ** rng.uniform(-2, -0.3) * profile).astype(np.float32)
