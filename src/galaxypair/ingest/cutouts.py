"""Read a cutout of any size and plate scale and bring it to the survey's stamp."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales
from PIL import Image

from galaxypair import tables
from galaxypair.ingest.limits import check_images, check_picture
from galaxypair.ingest.rejection import Rejected, unreadable
from galaxypair.ingest.resample import coverage, rebin
from galaxypair.ingest.rgb import unstretch

MIN_PX = 96  # of 0.262 arcsec: what the encoders see
SAME_SCALE = 0.005  # plate scales this close are not resampled
PICTURES = (".jpg", ".jpeg", ".png")
FITS_NAMES = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")
_NANOMAGGIES = re.compile(r"n(ano)?\s*m(agg(y|ies)?|gy|gys)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Cutout:
    """One galaxy's picture as its file has it.

    Attributes
    ----------
    flux : ndarray of shape (3, h, w), float64 [nanomaggies / (0.262 arcsec)^2]
        Bands g, r, z; rows from the bottom up as in FITS.
    valid : ndarray of shape (3, h, w), bool
        False where there are no data.
    scale : tuple of two floats [arcsec / pixel]
        Along x and y.
    centre : tuple of two floats
        Position (x, y) of the target, counted from 0.
    approximate : bool
        Whether the fluxes come from a colour picture.
    notes : tuple of str
        What a person should know.
    """

    flux: np.ndarray
    valid: np.ndarray
    scale: tuple[float, float]
    centre: tuple[float, float]
    approximate: bool = False
    notes: tuple[str, ...] = field(default=())


def read_cutout(path: Path, *, ra: float, dec: float, pixel_scale: float | None) -> Cutout:
    """Read a FITS cutout in nanomaggies, or a colour picture of the Legacy Survey viewer.

    Parameters
    ----------
    path : Path
    ra, dec : float [deg]
        Position of the target; used if the file has celestial coordinates.
    pixel_scale : float or None [arcsec / pixel]
        For files that do not tell their own.

    Returns
    -------
    Cutout

    Raises
    ------
    Rejected
        If the file cannot be used.
    """
    name = path.name.lower()
    if name.endswith(PICTURES):
        return _read_picture(path, pixel_scale)
    if name.endswith(FITS_NAMES):
        with unreadable(path), fits.open(path, memmap=False) as hdus:
            check_images(path, hdus)
            return _read_fits(path, hdus, ra, dec, pixel_scale)
    raise Rejected(
        "file_unreadable",
        f"{path.name}: images are read from {', '.join((*FITS_NAMES[:2], *PICTURES))} files.",
    )


def to_stamp(cutout: Cutout) -> np.ndarray:
    """Resample a cutout to the survey's stamp around its target.

    Parameters
    ----------
    cutout : Cutout

    Returns
    -------
    ndarray of shape (152, 152, 3), float32 [nanomaggies / pixel]
        Axes x, y, band as in the published file; exactly 0 = no data. The target is on pixel
        (76, 76).

    Raises
    ------
    Rejected
        If the cutout covers less than 96 stamp pixels around the target.

    Notes
    -----
    The orientation on the sky is kept: a rotated frame gives a rotated galaxy. Axes are resampled
    one after the other, each conserving flux. A plate scale within 0.5 % of 0.262 arcsec is
    cropped to whole pixels, which leaves the noise untouched.
    """
    _check_size(cutout)
    half = tables.IMAGE_PX // 2
    flux = np.where(cutout.valid, cutout.flux, 0.0)
    share = cutout.valid.astype(float)
    for axis, (scale, centre) in enumerate(zip(cutout.scale, cutout.centre, strict=True)):
        edges = np.arange(flux.shape[-1 - axis] + 1) - 0.5
        ratio = tables.PIXEL_SCALE_ARCSEC / scale
        if abs(ratio - 1) < SAME_SCALE:
            ratio, centre = 1.0, np.floor(centre + 0.5)  # noqa: PLW2901
        new_edges = centre + (np.arange(tables.IMAGE_PX + 1) - half - 0.5) * ratio
        flux = _along(rebin, flux, axis, edges, new_edges)
        share = _along(coverage, share, axis, edges, new_edges)
    stamp = np.divide(flux, share, out=np.zeros_like(flux), where=share >= 0.5)
    return stamp.T.astype(np.float32)


def _along(function, planes: np.ndarray, axis: int, edges: np.ndarray, new_edges: np.ndarray) -> np.ndarray:
    """Apply a resampling of the last axis to x (axis 0) or y (axis 1) of (band, y, x) planes."""
    if axis == 0:
        return function(planes, edges, new_edges)
    return np.swapaxes(function(np.swapaxes(planes, 1, 2), edges, new_edges), 1, 2)


def _check_size(cutout: Cutout) -> None:
    height, width = cutout.flux.shape[1:]
    (x, y), (sx, sy) = cutout.centre, cutout.scale
    if not (-0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5):
        raise Rejected(
            "target_outside_image",
            f"the catalogue's ra, dec fall on pixel ({x:.0f}, {y:.0f}) of a {width} x {height} image.",
        )
    reach = min(x + 0.5, width - 0.5 - x) * sx, min(y + 0.5, height - 0.5 - y) * sy
    if min(reach) < (MIN_PX / 2 - 1) * tables.PIXEL_SCALE_ARCSEC:
        raise Rejected(
            "image_too_small",
            f"{2 * min(reach):.1f} arcsec around the target; "
            f"{MIN_PX * tables.PIXEL_SCALE_ARCSEC:.1f} are needed ({width} x {height} px of {sx:.3f}).",
        )


def _read_picture(path: Path, pixel_scale: float | None) -> Cutout:
    if pixel_scale is None:
        raise Rejected(
            "pixel_scale_unknown",
            f"{path.name}: a picture does not tell its plate scale; add the column `pixel_scale_arcsec` "
            "or set ingest.pixel_scale_arcsec.",
        )
    with unreadable(path), Image.open(path) as picture:
        check_picture(path, picture)
        if picture.mode not in ("RGB", "RGBA"):
            raise Rejected(
                "image_bands_missing", f"{path.name}: a colour picture is needed, found mode {picture.mode}."
            )
        # pictures count rows from the top, FITS from the bottom
        rgb = np.asarray(picture.convert("RGB"), float)[::-1] / 255
    flux = unstretch(rgb)
    height, width = flux.shape[1:]
    return Cutout(
        flux,
        np.ones(flux.shape, bool),
        (pixel_scale, pixel_scale),
        ((width - 1) / 2, (height - 1) / 2),
        approximate=True,
        notes=("fluxes from a colour picture",),
    )


def _read_fits(path: Path, hdus: fits.HDUList, ra: float, dec: float, pixel_scale: float | None) -> Cutout:
    planes, weights, header = _find_planes(path, hdus)
    wcs = WCS(header).celestial if WCS(header).has_celestial else None
    scale, notes = _plate_scale(path, header, wcs, pixel_scale)
    height, width = planes.shape[1:]
    centre = ((width - 1) / 2, (height - 1) / 2)
    if wcs is not None:
        # by the frame that the header names: galactic coordinates are not ra, dec
        centre = tuple(float(v) for v in wcs.world_to_pixel(SkyCoord(ra, dec, unit="deg")))
        if not np.isfinite(centre).all():
            raise Rejected("target_outside_image", f"{path.name}: ra, dec are on the other side of the sky.")
    valid = np.isfinite(planes) & (planes != 0) & (weights > 0)
    if not np.isfinite(planes).any():
        raise Rejected("image_not_finite", f"{path.name}: no finite pixel.")
    flux = np.where(valid, planes, 0.0)
    unit = str(header.get("BUNIT", "")).strip()
    if unit and not _NANOMAGGIES.search(unit):
        raise Rejected("units_unknown", f"{path.name}: BUNIT is `{unit}`, nanomaggies are needed.")
    if _from_viewer(header):
        if abs(scale[0] / tables.PIXEL_SCALE_ARCSEC - 1) > SAME_SCALE:
            notes += ("viewer cutout: fluxes per 0.262 arcsec pixel",)
    else:
        flux *= tables.PIXEL_SCALE_ARCSEC**2 / (scale[0] * scale[1])
    return Cutout(flux, valid, scale, centre, notes=notes)


def _from_viewer(header: fits.Header) -> bool:
    """Whether the Legacy Survey viewer wrote the file.

    Its cutouts are interpolated to the scale that was asked for, while the values stay
    nanomaggies per pixel of 0.262 arcsec: the same galaxy fetched at 0.1 arcsec sums up to 6.9 =
    (0.262 / 0.1)^2 times the flux.
    """
    return all(key in header for key in ("SURVEY", "VERSION", "IMAGETYP", "IMAGEW", "IMAGEH"))


def _plate_scale(
    path: Path, header: fits.Header, wcs: WCS | None, pixel_scale: float | None
) -> tuple[tuple[float, float], tuple[str, ...]]:
    if wcs is not None:
        sx, sy = (3600 * proj_plane_pixel_scales(wcs)).tolist()
    else:
        value = header.get("PIXSCALE", pixel_scale)
        if value is None:
            raise Rejected(
                "pixel_scale_unknown",
                f"{path.name} has neither celestial coordinates nor PIXSCALE; add the column "
                "`pixel_scale_arcsec` or set ingest.pixel_scale_arcsec.",
            )
        sx = sy = float(value)
    if not (np.isfinite([sx, sy]).all() and min(sx, sy) > 0):
        raise Rejected("pixel_scale_unknown", f"{path.name}: plate scale {sx} x {sy} arcsec.")
    coarse = max(sx, sy) > 2 * tables.PIXEL_SCALE_ARCSEC
    return (sx, sy), ((f"coarse pixels of {sx:.2f} arcsec",) if coarse else ())


def _find_planes(path: Path, hdus: fits.HDUList) -> tuple[np.ndarray, np.ndarray, fits.Header]:
    """Find the g, r, z planes, their weights (1 if the file has none) and the header with the WCS."""
    images = [h for h in hdus if h.is_image and h.header.get("NAXIS", 0) >= 2 and not _is_weight(h)]
    cubes = [h for h in images if h.header["NAXIS"] == 3]
    if cubes:
        cube = cubes[0]
        names = _cube_bands(path, cube)
        planes = np.stack([np.asarray(cube.data[names.index(b)], float) for b in tables.BANDS])
        return planes, np.ones(planes.shape), cube.header
    flat = [h for h in images if h.header["NAXIS"] == 2]
    by_band = {_band(h): h for h in reversed(flat)}
    if not set(tables.BANDS) <= set(by_band):
        if len(flat) != 3 or any(by_band):
            found = ", ".join(sorted(filter(None, by_band))) or f"{len(flat)} unnamed planes"
            raise Rejected("image_bands_missing", f"{path.name}: needs bands g, r, z; found {found}.")
        by_band = dict(zip(tables.BANDS, flat, strict=True))
    chosen = [by_band[b] for b in tables.BANDS]
    if len({h.shape for h in chosen}) > 1:
        raise Rejected("image_bands_missing", f"{path.name}: bands differ in size.")
    planes = np.stack([np.asarray(h.data, float) for h in chosen])
    by_weight = {_band(h): h for h in hdus if h.is_image and h.header.get("NAXIS", 0) == 2 and _is_weight(h)}
    usable = set(tables.BANDS) <= set(by_weight) and all(
        by_weight[b].shape == planes.shape[1:] for b in tables.BANDS
    )
    weights = np.stack([by_weight[b].data for b in tables.BANDS]) if usable else np.ones(planes.shape)
    return planes, weights, chosen[0].header


def _is_weight(hdu: fits.ImageHDU) -> bool:
    kind = f"{hdu.header.get('IMAGETYP', '')} {hdu.name}".lower()
    return any(word in kind for word in ("invvar", "ivar", "weight", "mask", "psf"))


def _band(hdu: fits.ImageHDU) -> str:
    """Band of an image plane by its header or name, "" if it has none."""
    for text in (hdu.header.get("BAND"), hdu.header.get("FILTER"), hdu.name):
        words = re.split(r"[^a-z0-9]+", str(text or "").lower())
        for word in (words[0], words[-1]):
            if len(word) == 1 and word in "ugrizy":
                return word
    return ""


def _cube_bands(path: Path, cube: fits.ImageHDU) -> list[str]:
    count = cube.header["NAXIS3"]
    listed = str(cube.header.get("BANDS", "")).replace(",", "").replace(" ", "").lower()
    if not listed:
        listed = "".join(str(cube.header.get(f"BAND{i}", "")).strip().lower() for i in range(count))
    if not listed and count == 3:
        listed = "".join(tables.BANDS)
    if len(listed) != count or not set(tables.BANDS) <= set(listed):
        raise Rejected(
            "image_bands_missing",
            f"{path.name}: needs bands g, r, z; {count} planes, BANDS = `{listed or 'absent'}`.",
        )
    return list(listed)
