"""Read SDSS, BOSS, DESI and generic spectra and bring them to the survey's wavelength grid."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from galaxypair import tables
from galaxypair.ingest.limits import check_spectra
from galaxypair.ingest.rejection import Rejected, unreadable
from galaxypair.ingest.resample import bin_edges, coverage, rebin

GRID = np.linspace(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, tables.N_WAVELENGTH)  # Angstrom
STEP = GRID[1] - GRID[0]
MIN_COVERED = 0.1  # of the grid; how much is enough to be useful is decided in `preprocess`
# SDSS pixel mask, bits that mean "no data": FULLREJECT, NOSKY, NODATA, COMBINEREJ, REDMONSTER.
# Others (BRIGHTSKY, NEARBADPIXEL, ...) flag noisy but real data, which the DESI spectra hold as well.
SDSS_BAD = sum(1 << bit for bit in (18, 22, 24, 25, 28))


@dataclass(frozen=True)
class Spectrum:
    """One spectrum as its file has it.

    Attributes
    ----------
    wavelength : ndarray of shape (n,), float64 [Angstrom]
        Vacuum, observed frame, rising.
    flux : ndarray of shape (n,), float64 [1e-17 erg / s / cm2 / Angstrom]
    valid : ndarray of shape (n,), bool
    z : float
        Redshift given with the spectrum, NaN if none is trusted.
    notes : tuple of str
        What a person should know.
    """

    wavelength: np.ndarray
    flux: np.ndarray
    valid: np.ndarray
    z: float = float("nan")
    notes: tuple[str, ...] = ()


def read_spectrum(path: Path, *, targetid: int | None, medium: str | None, default_medium: str) -> Spectrum:
    """Read a spectrum; the format is told by the content.

    Parameters
    ----------
    path : Path
        SDSS or BOSS `spec-*.fits`, DESI `coadd-*.fits` or `spectra-*.fits`, or a table (FITS, CSV,
        ECSV or text with named columns).
    targetid : int or None
        Which target of a DESI file; None if the catalogue does not tell.
    medium : {"vacuum", "air"} or None
        What the catalogue says about the wavelengths of a table.
    default_medium : {"vacuum", "air", "auto"}
        For tables about which neither catalogue nor file say anything; `auto` refuses them.

    Returns
    -------
    Spectrum

    Raises
    ------
    Rejected
        If the file cannot be used.
    """
    from galaxypair.ingest.spectrum_tables import read_table_spectrum

    if not any(s in (".fits", ".fit", ".fz") for s in path.suffixes[-2:]):
        return read_table_spectrum(path, medium=medium, default_medium=default_medium)
    with unreadable(path), fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
        check_spectra(path, hdus)
        names = {hdu.name for hdu in hdus}
        if "COADD" in names and "LOGLAM" in (n.upper() for n in hdus["COADD"].columns.names):
            return _read_sdss(hdus)
        if any(f"{arm}_FLUX" in names for arm in "BRZ"):
            return _read_desi(path, hdus, targetid)
    return read_table_spectrum(path, medium=medium, default_medium=default_medium)


def to_grid(spectrum: Spectrum) -> np.ndarray:
    """Resample a spectrum to the survey's grid, conserving flux.

    Parameters
    ----------
    spectrum : Spectrum

    Returns
    -------
    ndarray of shape (7781,), float32 [1e-17 erg / s / cm2 / Angstrom]
        Exactly 0 = no data: outside the spectrum, or less than half covered by valid pixels.

    Raises
    ------
    Rejected
        If the spectrum does not reach the grid or holds no data there.
    """
    wavelength, flux, valid = _open_gaps(spectrum)
    covered = min(wavelength[-1], GRID[-1]) - max(wavelength[0], GRID[0])
    if covered < MIN_COVERED * (GRID[-1] - GRID[0]):
        raise Rejected(
            "wavelength_outside_range",
            f"spectrum covers {wavelength[0]:.0f}-{wavelength[-1]:.0f} Angstrom, needed is "
            f"{GRID[0]:.0f}-{GRID[-1]:.0f} (are the units right?).",
        )
    if not np.isfinite(spectrum.flux).any():
        raise Rejected("spectrum_not_finite", "no finite flux in the spectrum.")
    if not (flux[valid] != 0).any():
        raise Rejected("spectrum_all_zero", "no valid pixel with flux in the spectrum.")
    if len(wavelength) == len(GRID) and np.allclose(wavelength, GRID, rtol=0, atol=1e-3):
        return np.where(valid, flux, 0.0).astype(np.float32)
    edges, new_edges = bin_edges(wavelength), bin_edges(GRID)
    # bad pixels are bridged first, so that they do not spill into their good neighbours
    bridged = np.interp(wavelength, wavelength[valid], flux[valid])
    share = coverage(valid, edges, new_edges)
    gridded = np.where(share >= 0.5, rebin(bridged, edges, new_edges), 0.0).astype(np.float32)
    if not gridded.any():
        raise Rejected("spectrum_all_zero", "no valid pixel between 3600 and 9824 Angstrom.")
    return gridded


def _open_gaps(spectrum: Spectrum) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wavelength, flux and validity with an invalid pixel on either side of each gap in wavelength."""
    wavelength, flux, valid = spectrum.wavelength, spectrum.flux, spectrum.valid
    if len(wavelength) < 2 or not (np.diff(wavelength) > 0).all():
        raise Rejected("file_unreadable", "wavelengths are not all different, or fewer than two.")
    steps = np.diff(wavelength)
    gaps = np.flatnonzero(steps > 5 * np.median(steps))  # log-spaced steps vary by a factor of 2.7
    if not len(gaps):
        return wavelength, flux, valid
    where = np.repeat(gaps + 1, 2)
    before = np.minimum(np.median(steps), steps[gaps] / 3)
    inserted = np.stack([wavelength[gaps] + before, wavelength[gaps + 1] - before], axis=1).ravel()
    return (
        np.insert(wavelength, where, inserted),
        np.insert(flux, where, 0.0),
        np.insert(valid, where, False),
    )


def _read_sdss(hdus: fits.HDUList) -> Spectrum:
    data = hdus["COADD"].data
    flux, ivar = np.asarray(data["flux"], float), np.asarray(data["ivar"], float)
    masked = (np.asarray(data["and_mask"], np.int64) & SDSS_BAD) != 0
    notes: tuple[str, ...] = ()
    z = float("nan")
    for name in ("SPECOBJ", "SPALL"):
        if name in hdus:
            row = hdus[name].data[0]
            z, notes = _trusted(float(row["Z"]), int(row["ZWARNING"]))
    return Spectrum(
        10.0 ** np.asarray(data["loglam"], float),
        flux,
        np.isfinite(flux) & (ivar > 0) & ~masked,
        z,
        ("SDSS spectrum, vacuum", *notes),
    )


def _read_desi(path: Path, hdus: fits.HDUList, targetid: int | None) -> Spectrum:
    ids = np.asarray(hdus["FIBERMAP"].data["TARGETID"], np.int64)
    if targetid is None or targetid not in ids:
        if targetid is not None or len(np.unique(ids)) != 1:
            raise Rejected(
                "target_not_in_file",
                f"{path.name} holds {len(np.unique(ids))} targets, "
                + (f"not {targetid}." if targetid else "and the catalogue has no column `targetid`."),
            )
        targetid = int(ids[0])
    total, weight = np.zeros(len(GRID)), np.zeros(len(GRID))
    for arm in "BRZ":
        if f"{arm}_FLUX" in hdus:
            for row in np.flatnonzero(ids == targetid):
                _add_arm(hdus, arm, int(row), total, weight)
    z, notes = _redrock(path, targetid)
    flux = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return Spectrum(GRID.copy(), flux, weight > 0, z, ("DESI spectrum, vacuum", *notes))


def _add_arm(hdus: fits.HDUList, arm: str, row: int, total: np.ndarray, weight: np.ndarray) -> None:
    """Add one arm of one row, weighted by its inverse variance, onto the grid that all arms share."""
    position = (np.asarray(hdus[f"{arm}_WAVELENGTH"].data, float) - GRID[0]) / STEP
    index = np.rint(position).astype(int)
    if np.abs(position - index).max() > 0.01 or index.min() < 0 or index.max() >= len(GRID):
        raise Rejected("wavelength_outside_range", f"arm {arm} is not on DESI's grid of 0.8 Angstrom.")
    flux = np.asarray(hdus[f"{arm}_FLUX"].section[row], float)
    ivar = np.asarray(hdus[f"{arm}_IVAR"].section[row], float)
    bad = ~np.isfinite(flux) | ~np.isfinite(ivar) | (ivar < 0)
    if f"{arm}_MASK" in hdus:
        bad |= np.asarray(hdus[f"{arm}_MASK"].section[row]) != 0
    total[index] += np.where(bad, 0.0, flux * ivar)
    weight[index] += np.where(bad, 0.0, ivar)


def _redrock(path: Path, targetid: int) -> tuple[float, tuple[str, ...]]:
    """Redshift from the redrock file beside a DESI spectrum."""
    redrock = path.with_name(path.name.replace("coadd-", "redrock-", 1).replace("spectra-", "redrock-", 1))
    if redrock == path or not redrock.is_file():
        return float("nan"), ()
    with unreadable(redrock), fits.open(redrock, memmap=False) as hdus:
        check_spectra(redrock, hdus)
        rows = hdus["REDSHIFTS"].data
        rows = rows[rows["TARGETID"] == targetid]
        return _trusted(float(rows["Z"][0]), int(rows["ZWARN"][0])) if len(rows) else (float("nan"), ())


def _trusted(z: float, warning: int) -> tuple[float, tuple[str, ...]]:
    """Keep a pipeline's redshift unless the pipeline itself doubts it."""
    if warning:
        return float("nan"), (f"redshift of the spectrum's file not used (warning {warning})",)
    return z, ()
