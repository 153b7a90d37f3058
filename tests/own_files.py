"""Made cutouts, spectra and catalogues in the formats that `ingest` reads."""

import csv
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

RA, DEC = 150.0, 2.0


def make_planes(size: int = 200, sigma: float = 8.0, centre: tuple[float, float] | None = None) -> np.ndarray:
    """Gaussian galaxy of total flux 1, 2, 3 in g, r, z on a square of `size` pixels; rows from below."""
    x0, y0 = centre or ((size - 1) / 2, (size - 1) / 2)
    y, x = np.mgrid[:size, :size]
    shape = np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    return shape * np.array([1.0, 2.0, 3.0])[:, None, None]


def make_header(size: int, scale: float, rotation_deg: float = 0.0) -> fits.Header:
    """Celestial coordinates with RA, DEC at the centre of the frame."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [RA, DEC]
    wcs.wcs.crpix = [(size + 1) / 2, (size + 1) / 2]
    angle = np.deg2rad(rotation_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wcs.wcs.cd = turn @ np.diag([-scale / 3600, scale / 3600])
    return wcs.to_header()


def write_cube(path: Path, planes: np.ndarray, scale: float | None = 0.262, **cards: object) -> Path:
    """Write a cube of bands; without `scale` the file has no coordinates."""
    header = fits.Header() if scale is None else make_header(planes.shape[-1], scale)
    header.update({k.upper(): v for k, v in cards.items()})
    fits.PrimaryHDU(planes.astype("f4"), header).writeto(path, overwrite=True)
    return path


def write_sdss(
    path: Path, wavelength: np.ndarray, flux: np.ndarray, *, ivar=None, mask=None, z=0.1, warning=0
):
    """Write a spectrum in the layout of SDSS spec files."""
    table = {
        "flux": flux.astype("f4"),
        "loglam": np.log10(wavelength),
        "ivar": np.ones(len(flux), "f4") if ivar is None else ivar,
        "and_mask": np.zeros(len(flux), "i4") if mask is None else mask,
    }
    fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.BinTableHDU(Table(table), name="COADD"),
            fits.BinTableHDU(Table({"Z": [z], "ZWARNING": [warning]}), name="SPECOBJ"),
        ]
    ).writeto(path, overwrite=True)
    return path


ARMS = {"B": (0, 2751), "R": (2700, 5026), "Z": (4900, 7781)}  # on the grid of 7,781 bins


def write_desi(
    path: Path, flux: np.ndarray, targets=(11,), *, ivar=None, mask=None, z=0.2, warning=0
) -> Path:
    """Write a DESI coadd (row i = flux * (i + 1)) and the redrock file beside it."""
    grid = np.linspace(3600, 9824, 7781)
    factor = np.arange(1, len(targets) + 1)[:, None]
    hdus = [
        fits.PrimaryHDU(),
        fits.BinTableHDU(Table({"TARGETID": np.array(targets, "i8")}), name="FIBERMAP"),
    ]
    for arm, (first, last) in ARMS.items():
        n = last - first
        weight = np.full((len(targets), n), (ivar or {}).get(arm, 1.0), "f4")
        bad = np.zeros((len(targets), n), "i4")
        bad[:, (mask or {}).get(arm, slice(0, 0))] = 1
        hdus += [
            fits.ImageHDU(grid[first:last], name=f"{arm}_WAVELENGTH"),
            fits.ImageHDU((flux[first:last] * factor).astype("f4"), name=f"{arm}_FLUX"),
            fits.ImageHDU(weight, name=f"{arm}_IVAR"),
            fits.ImageHDU(bad, name=f"{arm}_MASK"),
        ]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    n = len(targets)
    redrock = Table({"TARGETID": np.array(targets, "i8"), "Z": [z] * n, "ZWARN": [warning] * n})
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(redrock, name="REDSHIFTS")]).writeto(
        path.with_name(path.name.replace("coadd", "redrock")), overwrite=True
    )
    return path


def write_rows(path: Path, rows: list[dict]) -> Path:
    """Write a catalogue; columns are those of all rows."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path
