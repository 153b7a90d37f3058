"""The user's catalogue: a CSV table that names each galaxy, its position and its files."""

import csv
import hashlib
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.ingest.rejection import Rejected

logger = logging.getLogger(__name__)

REQUIRED = ("id", "ra", "dec")
FILES = ("image", "spectrum")
NUMBERS = ("ra", "dec", "z", "pixel_scale_arcsec")
OPTIONAL = ("targetid", "z", "pixel_scale_arcsec", "spectrum_medium")
MADE = ("kept", "reason", "detail", "image_approximate", "notes", "z_hp")  # names that we write ourselves
EMPTY = ("", "nan", "null", "none", "n/a", "na", "-")
MEDIA = ("", "vacuum", "air")


def read_catalogue(path: Path) -> pd.DataFrame:
    """Read and check a catalogue; single bad rows are marked, not refused.

    Parameters
    ----------
    path : Path
        CSV with the columns id, ra, dec, image and / or spectrum, and any property.

    Returns
    -------
    pandas.DataFrame
        One row per row of the file: id (str), targetid (int64), ra, dec, z, pixel_scale_arcsec
        (float, NaN if not given), image, spectrum, spectrum_medium (str, "" if not given),
        in_desi (whether the targetid was given), every property (float if all its values are
        numbers), reason ("" if the row is usable) and detail.

    Raises
    ------
    DataError
        If the file is missing, empty or lacks a column.
    """
    frame = _read_text(path)
    _check_columns(path, frame.columns)
    for name in (*FILES, *OPTIONAL):
        if name not in frame:
            frame[name] = ""
    frame["reason"], frame["detail"] = "", ""
    text = {name: frame[name] for name in (*NUMBERS, "targetid")}
    for name in NUMBERS:
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype(float)
    given = pd.Series([_given_targetid(row) for row in frame["targetid"]], frame.index, dtype=object)
    frame["in_desi"] = given.notna()
    frame["targetid"] = np.array(
        [g if g is not None else make_targetid(i) for g, i in zip(given, frame["id"], strict=True)], np.int64
    )
    for index, detail in _faults(frame, text):
        frame.loc[index, ["reason", "detail"]] = "catalogue_row_invalid", detail
    usable = frame["reason"] == ""
    for name in ("id", "targetid"):
        repeated = usable & frame[name].where(usable).duplicated(keep="first")
        frame.loc[repeated, "reason"] = "duplicate_id"
        frame.loc[repeated, "detail"] = [
            f"{name} {v} stands in an earlier row." for v in frame[name][repeated]
        ]
        usable &= ~repeated
    return _convert_properties(frame)


def make_targetid(name: str) -> int:
    """Turn an id into a TARGETID: itself if it is an integer that fits, else a stable hash.

    Parameters
    ----------
    name : str

    Returns
    -------
    int
        Within int64; a hash is positive (63 bits of BLAKE2b).
    """
    try:
        number = int(name)
    except ValueError:
        number = None
    # "007" is a name, not the number 7
    if number is not None and str(number) == name and -(2**63) <= number < 2**63:
        return number
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) >> 1


def find_file(folder: Path, name: str) -> Path:
    """Find a file of the catalogue, and refuse one outside the catalogue's folder.

    Parameters
    ----------
    folder : Path
        The catalogue's folder.
    name : str
        Path relative to it.

    Returns
    -------
    Path

    Raises
    ------
    Rejected
        If the path is absolute, leaves the folder (by `..` or a symbolic link, also one of a
        folder on the way), or there is no such file.

    Notes
    -----
    A catalogue from somebody else can thus never make the workflow read other files of yours.
    The catalogue's folder may itself be a symbolic link.
    """
    home = folder.resolve()
    path = folder / name
    try:
        inside = not Path(name).is_absolute() and path.resolve().is_relative_to(home)
        found = path.is_file()
    except (OSError, RuntimeError, ValueError) as err:  # a name too long, a circle of links, a NUL byte
        raise Rejected(
            "file_missing",
            f"{name[:80]!r} cannot be a file's name ({getattr(err, 'strerror', None) or err}).",
        ) from err
    if not inside:
        raise Rejected(
            "file_outside_catalogue_folder",
            f"{name} is not inside the catalogue's folder; move or copy the file there, or the catalogue "
            "to a folder above both.",
        )
    if not found:
        raise Rejected("file_missing", f"{name}: no such file beside the catalogue.")
    return path


def properties(frame: pd.DataFrame) -> list[str]:
    """Names of a catalogue's numeric properties.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `read_catalogue`.

    Returns
    -------
    list of str
    """
    ours = {*REQUIRED, *FILES, *OPTIONAL, *MADE, "in_desi"}
    return [n for n in frame.columns if n not in ours and frame[n].dtype.kind == "f"]


def provabgs_columns(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Lay a catalogue out as the published PROVABGS file.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows that reached the joint file.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        TARGETID, position, Z_HP (NaN where unknown), mass, magnitudes and further properties.

    Notes
    -----
    A published column that no row has is left out rather than filled with NaN: the cross-match
    drops galaxies that fail its cuts on columns that are there.
    """
    published = {ours: theirs for theirs, ours in tables.PROVABGS_SCALARS.items()}
    columns = {
        "TARGETID": frame["targetid"].to_numpy(np.int64),
        "RA": frame["ra"].to_numpy(float),
        "DEC": frame["dec"].to_numpy(float),
        "Z_HP": frame["z"].to_numpy(float),
    }
    for name in properties(frame):
        if frame[name].notna().any():
            columns[published.get(name, name)] = frame[name].to_numpy(float)
    return columns


def _read_text(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(
            f"`{path}`: no such catalogue. Set the key `ingest.catalogue` to a CSV file with the columns "
            "id, ra, dec, image, spectrum (see docs/own_galaxies.md)."
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
        if any("\0" in value for row in rows for value in row):
            raise csv.Error("it holds NUL bytes")
    except (UnicodeDecodeError, csv.Error) as err:
        raise DataError(f"`{path}`: no CSV text ({err}). Save it as CSV in UTF-8.") from err
    if len(rows) < 2:
        raise DataError(
            f"`{path}`: holds no galaxy (expected a header line and one row for each). "
            "See docs/own_galaxies.md for an example."
        )
    header = [name.strip().lower() for name in rows[0]]
    if len(header) == 1:
        raise DataError(
            f"`{path}`: the first line is `{rows[0][0][:80]}`, expected names of columns with commas between "
            "them. Save the table as CSV with a comma as separator, without lines above the names."
        )
    uneven = [i for i, row in enumerate(rows) if len(row) != len(header)]
    if uneven:
        raise DataError(
            f"`{path}`: row {uneven[0]} has {len(rows[uneven[0]])} values, the header has {len(header)}. "
            "Put values that hold a comma in double quotes."
        )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(
            f"`{path}`: column `{repeated[0]}` stands twice (upper and lower case are one). "
            "Rename or remove one of them."
        )
    body = [["" if v.strip().lower() in EMPTY else v.strip() for v in row] for row in rows[1:]]
    return pd.DataFrame(body, columns=header)


def _check_columns(path: Path, found: pd.Index) -> None:
    missing = [name for name in REQUIRED if name not in found]
    if not any(name in found for name in FILES):
        missing.append("image or spectrum")
    if missing:
        raise DataError(
            f"`{path}`: lacks the column {', '.join(missing)} (found {', '.join(found)}). "
            "See docs/own_galaxies.md for the columns."
        )
    taken = [name for name in MADE if name in found]
    if taken:
        raise DataError(f"`{path}`: the column `{taken[0]}` is written by the workflow itself. Rename yours.")


def _given_targetid(text: str) -> int | None:
    try:
        number = int(text)
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None


def _faults(frame: pd.DataFrame, text: dict[str, pd.Series]) -> list[tuple[int, str]]:
    """Rows that cannot be used, each with the reason for a person."""
    faults = []
    for row in frame.itertuples():
        bad = next(
            (n for n in NUMBERS if text[n][row.Index] and not np.isfinite(frame.at[row.Index, n])), None
        )
        if not row.id:
            detail = "no id."
        elif bad:
            detail = f"{bad} is `{text[bad][row.Index]}`, no number" + (
                " in degrees." if bad[0] in "rd" else "."
            )
        elif text["targetid"][row.Index] and not row.in_desi:
            detail = f"targetid is `{text['targetid'][row.Index]}`, no whole number of 64 bits."
        elif not (-180 <= row.ra <= 360 and -90 <= row.dec <= 90):
            detail = f"ra, dec are {row.ra}, {row.dec} (needed: 0...360 and -90...90 degrees)."
        elif row.pixel_scale_arcsec <= 0:
            detail = f"pixel_scale_arcsec is {row.pixel_scale_arcsec}; it must be above 0."
        elif row.spectrum_medium not in MEDIA:
            detail = f"spectrum_medium is `{row.spectrum_medium}`; write vacuum or air."
        elif not (row.image or row.spectrum):
            detail = "neither image nor spectrum."
        else:
            continue
        faults.append((row.Index, detail))
    return faults


def _convert_properties(frame: pd.DataFrame) -> pd.DataFrame:
    ours = {*REQUIRED, *FILES, *OPTIONAL, *MADE, "in_desi"}
    for name in (n for n in frame.columns if n not in ours):
        numbers = pd.to_numeric(frame[name], errors="coerce").astype(float)
        words = frame[name][numbers.isna() & (frame[name] != "")]
        if words.empty:
            frame[name] = numbers
        else:
            logger.info("column `%s` is kept as text: `%s` is no number", name, words.iloc[0])
    return frame
