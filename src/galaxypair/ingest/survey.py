"""Stream the galaxies of a catalogue into a joint file, one at a time."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from galaxypair import io
from galaxypair.errors import DataError
from galaxypair.ingest.catalogue import find_file
from galaxypair.ingest.cutouts import read_cutout, to_stamp
from galaxypair.ingest.rejection import Rejected
from galaxypair.ingest.spectra import read_spectrum, to_grid
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)

GROUP = "0"


@dataclass
class Galaxy:
    """What was found for one row of the catalogue.

    Attributes
    ----------
    image : ndarray of shape (152, 152, 3), float32 [nanomaggies / pixel] or None
    spectrum : ndarray of shape (7781,), float32 [1e-17 erg / s / cm2 / Angstrom] or None
    z : float
        Of the spectrum's file, NaN if it has none.
    image_approximate : bool
    notes : list of str
    failures : list of Rejected
        One for each file that was given but cannot be used.
    """

    image: np.ndarray | None = None
    spectrum: np.ndarray | None = None
    z: float = float("nan")
    image_approximate: bool = False
    notes: list[str] = field(default_factory=list)
    failures: list[Rejected] = field(default_factory=list)


def load_galaxy(
    row: object, folder: Path, *, pixel_scale_arcsec: float | None, spectrum_medium: str
) -> Galaxy:
    """Read the files of one row of the catalogue.

    Parameters
    ----------
    row : namedtuple
        From `DataFrame.itertuples` of `catalogue.read_catalogue`.
    folder : Path
        The catalogue's folder.
    pixel_scale_arcsec : float or None
        Of cutouts that do not tell, if the row does not either.
    spectrum_medium : {"auto", "vacuum", "air"}
        Of tables that do not tell, if the row does not either.

    Returns
    -------
    Galaxy
        With the files that can be used; the others are in `failures`.
    """
    galaxy = Galaxy()
    scale = row.pixel_scale_arcsec if np.isfinite(row.pixel_scale_arcsec) else pixel_scale_arcsec
    if row.image:
        try:
            cutout = read_cutout(find_file(folder, row.image), ra=row.ra, dec=row.dec, pixel_scale=scale)
            galaxy.image = to_stamp(cutout)
            galaxy.image_approximate = cutout.approximate
            galaxy.notes += cutout.notes
        except Rejected as err:
            galaxy.failures.append(err)
    if row.spectrum:
        try:
            spectrum = read_spectrum(
                find_file(folder, row.spectrum),
                targetid=row.targetid if row.in_desi else None,
                medium=row.spectrum_medium or None,
                default_medium=spectrum_medium,
            )
            galaxy.spectrum = to_grid(spectrum)
            galaxy.z = spectrum.z
            galaxy.notes += spectrum.notes
        except Rejected as err:
            galaxy.failures.append(err)
    return galaxy


def write_survey(
    catalogue: pd.DataFrame,
    folder: Path,
    file: h5py.File,
    *,
    pixel_scale_arcsec: float | None,
    spectrum_medium: str,
) -> pd.DataFrame:
    """Read every galaxy of a catalogue and write those that can be used to a joint file.

    Parameters
    ----------
    catalogue : pandas.DataFrame
        From `catalogue.read_catalogue`.
    folder : Path
        The catalogue's folder.
    file : h5py.File
        Open for writing; gets group "0".
    pixel_scale_arcsec : float or None
    spectrum_medium : {"auto", "vacuum", "air"}
        See `load_galaxy`.

    Returns
    -------
    pandas.DataFrame
        The catalogue with kept, reason, detail, image_approximate and notes filled in, and z from
        the spectrum's file where the catalogue had none.

    Raises
    ------
    DataError
        If not one galaxy can be used.

    Notes
    -----
    A galaxy of two files of which one is bad is kept with the other one, and `detail` says what
    failed. One galaxy is in memory at a time.
    """
    frame = catalogue.copy()
    frame["kept"], frame["image_approximate"], frame["notes"] = False, False, ""
    node = io.create_joint_group(file, GROUP, len(frame), growing=True)
    progress, kept = Progress(len(frame)), 0
    for row in catalogue.itertuples():
        progress.update(1)
        if row.reason:
            continue
        galaxy = load_galaxy(
            row, folder, pixel_scale_arcsec=pixel_scale_arcsec, spectrum_medium=spectrum_medium
        )
        frame.loc[row.Index, ["detail", "notes"]] = (
            "; ".join(str(f) for f in galaxy.failures),
            "; ".join(galaxy.notes),
        )
        if galaxy.image is None and galaxy.spectrum is None:
            frame.loc[row.Index, ["reason", "detail"]] = galaxy.failures[0].reason, _details(galaxy)
            continue
        z = row.z if np.isfinite(row.z) else galaxy.z
        frame.loc[row.Index, ["kept", "z", "image_approximate"]] = True, z, galaxy.image_approximate
        node["images"][kept] = np.nan if galaxy.image is None else galaxy.image
        node["spectra"][kept, :, 0] = np.nan if galaxy.spectrum is None else galaxy.spectrum
        node["redshifts"][kept], node["targetids"][kept] = z, row.targetid
        kept += 1
    for data in node.values():
        data.resize(kept, axis=0)
    _report(frame, kept)
    return frame


def _details(galaxy: Galaxy) -> str:
    first, *others = galaxy.failures
    return "; ".join([first.detail, *(str(f) for f in others)])


def _report(frame: pd.DataFrame, kept: int) -> None:
    """Log the balance; stop if nothing is left."""
    rejected = frame[~frame["kept"]]
    if kept + len(rejected) != len(frame):
        raise RuntimeError(f"{len(frame)} rows in, {kept} written, {len(rejected)} rejected")
    for row in rejected.head(20).itertuples():
        logger.warning("%s rejected, %s: %s", row.id, row.reason, row.detail)
    partly = frame[frame["kept"] & (frame["detail"] != "")]
    for row in partly.head(20).itertuples():
        logger.warning("%s kept without one file, %s", row.id, row.detail)
    logger.info(
        "%s galaxies in = %s kept + %s rejected %s",
        f"{len(frame):,}",
        f"{kept:,}",
        f"{len(rejected):,}",
        dict(Counter(rejected["reason"])) or "",
    )
    if not kept:
        first = rejected.iloc[0]
        raise DataError(
            f"none of the {len(frame)} galaxies can be used. The first, `{first['id']}`: {first['reason']}, "
            f"{first['detail']} See docs/own_galaxies.md for what is needed."
        )
