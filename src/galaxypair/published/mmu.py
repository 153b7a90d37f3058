"""Pair the images and spectra of the Multimodal Universe by their places on the sky."""

from collections.abc import Callable
from dataclasses import dataclass

import h5py
import numpy as np
import pandas as pd

from galaxypair import io, tables
from galaxypair.errors import DataError
from galaxypair.io.mmu import find_files, iter_rows, read_columns
from galaxypair.published.verdicts import report
from galaxypair.runtime import Progress
from galaxypair.sky_match import match

GROUP = "0"
GRID_TOLERANCE = 0.1  # Angstrom; an eighth of a bin
# our name: names in the files (HDF5 with `image_` or `spectrum_` in front)
IMAGE_FIELDS = {"band": ("band",), "flux": ("flux", "array")}
SPECTRUM_FIELDS = {"flux": ("flux",), "ivar": ("ivar",), "mask": ("mask",), "wavelength": ("lambda",)}
# column of the published catalogue: names in desi_provabgs
PROVABGS_COLUMNS = {name: (name,) for name in tables.PROVABGS_SCALARS} | {
    "TARGETID": ("object_id",),
    "RA": ("ra",),
    "DEC": ("dec",),
    "PROVABGS_LOGMSTAR_BF": ("LOG_MSTAR", "PROVABGS_LOGMSTAR_BF"),
}


def read_positions(name: str, key: str, *, spectra: bool) -> tuple[pd.DataFrame, list[str]]:
    """Read where the objects of a data set are; pixels stay on disk.

    Parameters
    ----------
    name : str
        Folder or id on the hub.
    key : str
        Of the config, for errors.
    spectra : bool
        Whether to read TARGETID, redshift and its warning too.

    Returns
    -------
    objects : pandas.DataFrame
        file (position in `files`), row, ra, dec; of spectra targetid, z and good.
    files : list of str
    """
    files = find_files(name, key)
    needed = ("ra", "dec", "object_id", "Z", "ZWARN") if spectra else ("ra", "dec")
    frames, progress = [], Progress(len(files), "files")
    for number, file in enumerate(files):
        columns = read_columns(file, needed, key=key)
        rows = np.arange(len(columns["ra"]), dtype=np.int32)
        frame = {"file": np.full(len(rows), number, np.int32), "row": rows}
        frame |= {axis: columns[axis].astype(np.float64) for axis in ("ra", "dec")}
        if spectra:
            frame |= {
                "targetid": targetids(columns["object_id"], file),
                "z": columns["Z"].astype(np.float32),
                "good": without_warning(columns["ZWARN"]),
            }
        frames.append(pd.DataFrame(frame))
        progress.update(1)
    return pd.concat(frames, ignore_index=True), files


def targetids(values: np.ndarray, file: str) -> np.ndarray:
    """Read TARGETIDs that may be numbers or texts, such as ``"39633140951548685"`` or ``"b'396...'"``.

    Parameters
    ----------
    values : ndarray of shape (n,)
    file : str
        For errors.

    Returns
    -------
    ndarray of shape (n,), int64

    Raises
    ------
    DataError
        If a text is no number.
    """
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    texts = pd.Series(values.astype(str)).str.extract(r"^(?:b')?\s*(-?\d+)\s*'?$")[0]
    if texts.isna().any():
        raise DataError(
            f"`{file}`: object_id `{values[texts.isna()][0]}` is no TARGETID. Not a DESI data set."
        )
    return texts.astype(np.int64).to_numpy()


def without_warning(zwarn: np.ndarray) -> np.ndarray:
    """Tell which redshifts are good.

    Parameters
    ----------
    zwarn : ndarray of shape (n,)
        Integers: the bits of redrock, 0 is good (HDF5). Booleans: the Multimodal Universe's inverted
        flag, True is good (parquet).

    Returns
    -------
    ndarray of shape (n,), bool
    """
    return zwarn.astype(bool) if zwarn.dtype.kind in "bO" else zwarn == 0


def to_cutout(band: np.ndarray, flux: np.ndarray) -> np.ndarray | str:
    """Turn an image into a cutout of the joint layout.

    Parameters
    ----------
    band : ndarray of shape (b,), str
        Such as des-g, des-r, des-i, des-z.
    flux : ndarray of shape (b, h, w) [nanomaggies / pixel]

    Returns
    -------
    ndarray of shape (152, 152, 3), float32, or str
        Its centre in g, r, z, or why not: one of `tables.REASONS`.
    """
    letters = [str(name).lower().rpartition("-")[2] for name in band]
    if any(name not in letters for name in tables.BANDS):
        return "image_bands_missing"
    if flux.ndim != 3 or len(flux) != len(letters) or min(flux.shape[1:]) < tables.IMAGE_PX:
        return "image_wrong_shape"
    top, left = ((size - tables.IMAGE_PX) // 2 for size in flux.shape[1:])
    centre = flux[:, top : top + tables.IMAGE_PX, left : left + tables.IMAGE_PX]
    return np.stack([centre[letters.index(name)] for name in tables.BANDS], axis=-1).astype(np.float32)


def to_spectrum(
    flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray, wavelength: np.ndarray
) -> np.ndarray | str:
    """Turn a spectrum into one of the joint layout.

    Parameters
    ----------
    flux : ndarray of shape (7781,) [1e-17 erg / s / cm2 / Angstrom]
    ivar : ndarray of shape (7781,)
    mask : ndarray of shape (7781,), bool
        True is bad.
    wavelength : ndarray of shape (7781,) [Angstrom]

    Returns
    -------
    ndarray of shape (7781, 1), float32, or str
        With 0 exactly where there are no data, or why not: one of `tables.REASONS`.
    """
    grid = np.linspace(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, tables.N_WAVELENGTH)
    if any(len(values) != len(flux) for values in (ivar, mask, wavelength)):
        return "spectrum_wrong_shape"
    if len(wavelength) != len(grid) or not np.abs(wavelength - grid).max() < GRID_TOLERANCE:
        return "wavelength_grid_differs"
    return np.where(mask.astype(bool) | ~(ivar > 0), 0, flux).astype(np.float32)[:, None]


def pair(images: pd.DataFrame, spectra: pd.DataFrame, radius_arcsec: float) -> pd.DataFrame:
    """Match images with spectra, and say of every object what becomes of it.

    Parameters
    ----------
    images, spectra : pandas.DataFrame
        From `read_positions`.
    radius_arcsec : float

    Returns
    -------
    pandas.DataFrame
        Pairs in the order of the images, then spectra and images alone: targetid (-1: none), z, ra,
        dec, image_file, image_row, spectrum_file, spectrum_row (-1: none), reason ("" so far for pairs
        with a good redshift).
    """
    places = [frame[axis].to_numpy() for frame in (images, spectra) for axis in ("ra", "dec")]
    i, j = match(*places, radius_arcsec)
    pairs = _rows(images.iloc[i], spectra.iloc[j], np.where(spectra["good"].to_numpy()[j], "", "z_warning"))
    alone = [
        _rows(None, spectra.drop(spectra.index[j]), "no_image_match"),
        _rows(images.drop(images.index[i]), None, "no_spectrum_match"),
    ]
    return pd.concat([pairs, *(frame for frame in alone if len(frame))], ignore_index=True)


def _rows(
    images: pd.DataFrame | None, spectra: pd.DataFrame | None, reason: np.ndarray | str
) -> pd.DataFrame:
    place = spectra if images is None else images
    columns: dict[str, object] = {
        "targetid": -1 if spectra is None else spectra["targetid"].to_numpy(),
        "z": np.float32(np.nan) if spectra is None else spectra["z"].to_numpy(),
        "ra": place["ra"].to_numpy(),
        "dec": place["dec"].to_numpy(),
    }
    for kind, frame in (("image", images), ("spectrum", spectra)):
        for column in ("file", "row"):
            columns[f"{kind}_{column}"] = -1 if frame is None else frame[column].to_numpy()
    return pd.DataFrame(columns).assign(reason=reason, detail="")


@dataclass(frozen=True)
class _Modality:
    """How one modality gets from files to the joint file."""

    name: str  # of the column or prefix in files
    dataset: str  # of the joint file, and key below `mmu`
    fields: dict[str, tuple[str, ...]]
    convert: Callable[..., np.ndarray | str]


IMAGES = _Modality("image", "images", IMAGE_FIELDS, to_cutout)
SPECTRA = _Modality("spectrum", "spectra", SPECTRUM_FIELDS, to_spectrum)


def write_survey(images: str, spectra: str, file: h5py.File, *, match_radius_arcsec: float) -> pd.DataFrame:
    """Match two data sets and write their pairs to a joint file.

    Parameters
    ----------
    images, spectra : str
        Folders, or ids on the hub.
    file : h5py.File
        Open for writing; gets group "0" with `splits`.
    match_radius_arcsec : float

    Returns
    -------
    pandas.DataFrame
        One row per pair, image alone and spectrum alone: targetid (-1: none), z, kept, reason, detail,
        ra, dec, and the numbers of file and row.

    Raises
    ------
    DataError
        If a data set cannot be read, or no pair can be used.

    Notes
    -----
    Positions alone are held in memory; pixels and bins pass through it 64 galaxies at a time, spectra
    in the order of their files, then images in theirs. No split is published for these data, and their
    rows follow the sky, so that a cut by row would part regions: the split is drawn by a hash of
    TARGETID instead (`any` in `tables.JOINT_SPLITS`).
    """
    image_objects, image_files = read_positions(images, "mmu.images", spectra=False)
    spectrum_objects, spectrum_files = read_positions(spectra, "mmu.spectra", spectra=True)
    rows = pair(image_objects, spectrum_objects, match_radius_arcsec)
    place = pd.Series({index: n for n, index in enumerate(rows.index[rows["reason"] == ""])}, dtype=np.int64)
    node = io.create_joint_group(file, GROUP, len(place), growing=True, splits=True)
    node["targetids"][:] = rows.loc[place.index, "targetid"]
    node["redshifts"][:] = rows.loc[place.index, "z"]
    node["splits"][:] = tables.JOINT_SPLITS.index("any")
    _fill(node, rows, place, spectrum_files, SPECTRA)
    _fill(node, rows, place, image_files, IMAGES)
    rows["kept"] = rows["reason"] == ""
    _compact(node, np.flatnonzero(rows.loc[place.index, "kept"]))
    report(f"{images}` and `{spectra}", rows)
    return rows


def _fill(node: h5py.Group, rows: pd.DataFrame, place: pd.Series, files: list[str], kind: _Modality) -> None:
    """Read one modality of the pairs, file by file; name in `rows` what cannot be used."""
    todo = rows.loc[place.index]
    todo = todo[todo["reason"] == ""].sort_values([f"{kind.name}_file", f"{kind.name}_row"])
    progress = Progress(len(todo), kind.dataset)
    for number, group in todo.groupby(f"{kind.name}_file"):
        index = pd.Series(group.index, index=group[f"{kind.name}_row"])
        wanted = index.index.to_numpy(np.int64)
        blocks = iter_rows(files[number], wanted, kind.name, kind.fields, key=f"mmu.{kind.dataset}")
        for block, values in blocks:
            for n, row in enumerate(block):
                value = kind.convert(**{field: values[field][n] for field in kind.fields})
                if isinstance(value, str):
                    rows.loc[index[row], ["reason", "detail"]] = value, f"{files[number]}, row {row}"
                else:
                    node[kind.dataset][place[index[row]]] = value
            progress.update(len(block))


def _compact(node: h5py.Group, good: np.ndarray) -> None:
    """Close the gaps that pairs leave which turned out to be unusable."""
    for data in node.values():
        for start in range(0, len(good), 64):
            rows = good[start : start + 64]
            if rows[-1] != start + len(rows) - 1:
                data[start : start + len(rows)] = data[rows]
        data.resize(len(good), axis=0)


def read_provabgs(name: str) -> dict[str, np.ndarray]:
    """Read desi_provabgs as a table in the layout of the published PROVABGS file.

    Parameters
    ----------
    name : str
        Folder or id on the hub.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Published names of `tables.PROVABGS_SCALARS`, as far as the files have them; the posterior
        samples are left out.

    Raises
    ------
    DataError
        If a file is damaged or lacks TARGETID, position or redshift.
    """
    needed = ("object_id", "ra", "dec", "Z_HP")
    optional = [n for names in PROVABGS_COLUMNS.values() for n in names if n not in needed]
    frames = []
    for file in find_files(name, "mmu.provabgs"):
        found = read_columns(file, needed, optional, key="mmu.provabgs")
        found["object_id"] = targetids(found["object_id"], file)
        chosen = {
            ours: next((n for n in names if n in found), None) for ours, names in PROVABGS_COLUMNS.items()
        }
        frames.append(pd.DataFrame({ours: found[n] for ours, n in chosen.items() if n}))
    table = pd.concat(frames, ignore_index=True)
    return {c: table[c].to_numpy(np.int64 if c == "TARGETID" else np.float64) for c in table}
