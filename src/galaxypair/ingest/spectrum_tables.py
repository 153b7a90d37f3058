"""Spectra in generic tables: columns by name, units and medium as stated, never guessed silently."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import ascii as ascii_tables
from astropy.io import fits
from astropy.table import Table

from galaxypair.ingest.limits import check_spectra, check_text
from galaxypair.ingest.rejection import Rejected, unreadable
from galaxypair.ingest.spectra import Spectrum
from galaxypair.wavelengths import air_to_vacuum

FLUX_UNIT = u.Unit("1e-17 erg / (s cm2 Angstrom)")
NAMES = {  # what a column may be called, lower case, best first
    "wavelength": ("wavelength", "wave", "lambda", "lam", "wavelength_vac", "wavelength_air", "wave_vac",
                   "wave_air", "lambda_vac", "lambda_air", "loglam", "log_wavelength"),
    "flux": ("flux", "flux_density", "flam", "fluxdensity"),
    "ivar": ("ivar", "invvar", "inverse_variance"),
    "error": ("error", "err", "sigma", "flux_err", "flux_error", "fluxerr", "e_flux", "uncertainty", "noise"),
    "mask": ("mask", "and_mask"),
}  # fmt: skip
_VACUUM = re.compile(r"\b(vac|vacuum)\b", re.IGNORECASE)
_AIR = re.compile(r"\bair\b", re.IGNORECASE)


def read_table_spectrum(path: Path, *, medium: str | None, default_medium: str) -> Spectrum:
    """Read a spectrum from a table with named columns.

    Parameters
    ----------
    path : Path
        FITS, ECSV, CSV or text separated by white space.
    medium : {"vacuum", "air"} or None
        What the catalogue says.
    default_medium : {"vacuum", "air", "auto"}
        If neither catalogue nor file say anything.

    Returns
    -------
    Spectrum

    Raises
    ------
    Rejected
        If a column is missing, a unit is no spectral unit or the medium is unknown.
    """
    with unreadable(path):
        table = _read(path)
        columns = {kind: _find(table, names) for kind, names in NAMES.items()}
        for kind in ("wavelength", "flux"):
            if columns[kind] is None:
                raise Rejected(
                    "file_unreadable",
                    f"{path.name}: no column {kind} (found {', '.join(table.colnames)}); "
                    f"accepted names: {', '.join(NAMES[kind])}.",
                )
        medium = medium or _stated_medium(table, columns["wavelength"]) or default_medium
        if medium == "auto":
            raise Rejected(
                "wavelength_medium_unknown",
                f"{path.name} does not tell whether its wavelengths are in vacuum or air; add the column "
                "`spectrum_medium` or set ingest.spectrum_medium.",
            )
        return _convert(path, table, columns, medium)


def _read(path: Path) -> Table:
    suffixes = [s.lower() for s in path.suffixes[-2:]]
    if any(s in (".fits", ".fit", ".fz") for s in suffixes):
        with fits.open(path, memmap=False) as hdus:
            check_spectra(path, hdus)
            for hdu in hdus:
                if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
                    table = Table.read(hdu)
                    table.meta = {**hdus[0].header, **hdu.header}
                    return table
            raise Rejected("file_unreadable", f"{path.name}: holds no table ({len(hdus)} HDUs).")
    check_text(path)
    if ".ecsv" in suffixes:
        return Table.read(path, format="ascii.ecsv")
    # the format is fixed by the suffix: guessing among all of astropy's formats is slow and can
    # take a header for data
    kind = "csv" if ".csv" in suffixes else "basic"
    return ascii_tables.read(path, format=kind, comment=r"\s*#", guess=False)


def _find(table: Table, names: Iterable[str]) -> str | None:
    by_lower = {name.strip().lower(): name for name in table.colnames}
    return next((by_lower[name] for name in names if name in by_lower), None)


def _stated_medium(table: Table, column: str) -> str | None:
    """Medium by column name, unit, description or keyword of the file."""
    meta = {str(k).upper(): v for k, v in table.meta.items()}
    if meta.get("VACUUM") is not None:
        return "vacuum" if str(meta["VACUUM"]).strip().lower() in ("true", "t", "1", "yes") else "air"
    texts = [
        column.replace("_", " "),
        str(table[column].unit or ""),
        str(table[column].description or ""),
        *(str(meta.get(key, "")) for key in ("AIRORVAC", "MEDIUM", "WAVELENGTH_MEDIUM")),
        *(str(line) for line in _as_list(meta.get("COMMENTS"))),
    ]
    stated = {m for text in texts for m, sign in (("vacuum", _VACUUM), ("air", _AIR)) if sign.search(text)}
    return stated.pop() if len(stated) == 1 else None


def _as_list(value: object) -> list:
    return list(value) if isinstance(value, list | tuple) else []


def _convert(path: Path, table: Table, columns: dict[str, str | None], medium: str) -> Spectrum:
    name = columns["wavelength"]
    wavelength = _floats(table[name])
    if "log" in name.lower():
        wavelength, unit = 10.0**wavelength, u.AA
    else:
        unit = _unit(path, table[name], u.AA)
    wavelength = _scaled(path, name, wavelength * unit, u.AA)
    flux = _floats(table[columns["flux"]])
    notes = [f"table spectrum, {medium}"]
    flux_unit = _unit(path, table[columns["flux"]], FLUX_UNIT)
    if table[columns["flux"]].unit is None:
        notes.append("flux unit not stated, taken as 1e-17 erg/s/cm2/A")
    # wavelengths in the flux's conversion (Jansky, erg/s/cm2/Hz) are those of the file
    flux = _scaled(path, "flux", flux * flux_unit, FLUX_UNIT, u.spectral_density(wavelength * u.AA))
    valid = np.isfinite(flux) & np.isfinite(wavelength) & _has_data(table, columns)
    if medium == "air":
        wavelength = air_to_vacuum(wavelength)
    usable = np.isfinite(wavelength)
    order = np.argsort(wavelength[usable], kind="stable")
    step = float(np.median(np.abs(np.diff(wavelength[usable])))) if usable.sum() > 1 else np.nan
    notes.append(f"step {step:.2f} A")
    return Spectrum(wavelength[usable][order], flux[usable][order], valid[usable][order], notes=tuple(notes))


def _has_data(table: Table, columns: dict[str, str | None]) -> np.ndarray:
    good = np.ones(len(table), bool)
    if columns["ivar"]:
        good &= _floats(table[columns["ivar"]]) > 0
    elif columns["error"]:
        error = _floats(table[columns["error"]])
        good &= np.isfinite(error) & (error > 0)
    if columns["mask"]:
        good &= _floats(table[columns["mask"]]) == 0
    return good


def _floats(column: object) -> np.ndarray:
    """Values of a column, NaN where masked; a table of one row with vectors becomes that vector."""
    values = np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)
    return values[0] if values.ndim == 2 and len(values) == 1 else values


def _unit(path: Path, column: object, default: u.UnitBase) -> u.UnitBase:
    if column.unit is None:
        return default
    text = re.sub(r"\(?\b(vacuum|vac|air)\b\)?", "", str(column.unit), flags=re.IGNORECASE)
    text = re.sub(r"\bAng\b", "Angstrom", text).strip(" ,;")
    unit = u.Unit(text.replace("10**-17", "1e-17").replace("10^-17", "1e-17"), parse_strict="silent")
    if isinstance(unit, u.UnrecognizedUnit):
        raise Rejected("units_unknown", f"{path.name}: column {column.name} has the unit `{column.unit}`.")
    return unit


def _scaled(
    path: Path, name: str, values: u.Quantity, to: u.UnitBase, equivalencies: list | None = None
) -> np.ndarray:
    try:
        return values.to_value(to, equivalencies=equivalencies or [])
    except u.UnitConversionError as err:
        raise Rejected("units_unknown", f"{path.name}: {name} in `{values.unit}`, needed is `{to}`.") from err
