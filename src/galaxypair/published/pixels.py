"""Cutouts and spectra of single galaxies out of a published file of embeddings, for figures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from galaxypair import io, tables
from galaxypair.errors import DataError
from galaxypair.ingest.rgb import unstretch
from galaxypair.published.layouts import PUBLISHED

REP = PUBLISHED[0]


def read_shown(
    targetid: np.ndarray,
    columns: Sequence[str],
    *,
    manifest: Path | None,
    pixels: Path | None,
    crop_px: int,
) -> dict[str, np.ndarray]:
    """Read galaxies that a figure shows, from the shards or from a published file.

    Parameters
    ----------
    targetid : ndarray, int64
        Galaxies wanted; repeats do not matter.
    columns : sequence of str
        Datasets of the shards to read; of a published file there are always all.
    manifest : Path or None
        Of the shards.
    pixels : Path or None
        Published file, which is read if there is one.
    crop_px : int
        Side of the cutouts of the published file.

    Returns
    -------
    dict of str to ndarray
        One row per galaxy, in the order of the file.
    """
    if pixels is not None:
        return read_galaxies(pixels, targetid, crop_px)
    return io.read_galaxies(io.read_manifest(manifest), targetid, columns)


def read_galaxies(path: Path, targetid: np.ndarray, crop_px: int) -> dict[str, np.ndarray]:
    """Read some galaxies of the reproduction's file, row by row.

    Parameters
    ----------
    path : Path
        An `.npz` file with `images` (n, 152, 152, 3) and `source_spec` (n, 7781, 1).
    targetid : ndarray, int64
        Galaxies wanted; repeats do not matter.
    crop_px : int
        Side of the central square that is read.

    Returns
    -------
    dict of str to ndarray
        targetid, z, image [nanomaggies / pixel], spectrum, has_image, has_spectrum: as
        `io.read_galaxies` gives them.

    Raises
    ------
    DataError
        If the file lacks an array or a galaxy, or its arrays have other shapes.

    Notes
    -----
    Its images are colour pictures of the Legacy Surveys' stretch, rows and columns swapped against
    the joint file. Both are undone, so that figures treat all galaxies alike; bands that the
    pictures clip are estimates, see `ingest.rgb.unstretch`.
    """
    pixels = dict(REP.pixels)
    with io.NpzFile(path) as file:
        _check_shapes(file, pixels)
        identity = list(file.blocks([REP.targetid, REP.z], 65536))
        ids, z = (np.concatenate([block[name] for block in identity]) for name in (REP.targetid, REP.z))
        wanted = np.unique(targetid)
        first = pd.Series(np.arange(len(ids)), index=ids).groupby(level=0).first()
        rows = np.sort(first.reindex(wanted).fillna(-1).to_numpy(np.int64))
        if len(rows) and rows[0] < 0:
            raise DataError(
                f"`{path}`: lacks {(rows < 0).sum()} of {len(wanted)} galaxies wanted. The embeddings were "
                "imported from another file: add `--forcerun import_embeddings` to your command."
            )
        images = [_to_fluxes(picture, crop_px) for picture in file.take(pixels["image"], rows)]
        spectra = [row.reshape(-1).astype(np.float32) for row in file.take(pixels["spectrum"], rows)]
    there = np.ones(len(rows), bool)
    return {
        "targetid": ids[rows].astype(np.int64),
        "z": z[rows].astype(np.float32),
        "image": np.array(images, np.float32).reshape(-1, crop_px, crop_px, 3),  # also of no galaxy
        "spectrum": np.nan_to_num(np.array(spectra, np.float32).reshape(-1, tables.N_WAVELENGTH)),
        "has_image": there,
        "has_spectrum": there,
    }


def _check_shapes(file: io.NpzFile, pixels: dict[str, str]) -> None:
    expected = {
        pixels["image"]: (tables.IMAGE_PX, tables.IMAGE_PX, 3),
        pixels["spectrum"]: (tables.N_WAVELENGTH, 1),
    }
    for name, shape in expected.items():
        found, dtype = file.header(name)
        if found[1:] != shape or dtype.kind != "f":
            raise DataError(
                f"`{file.path}`: array `{name}` is {dtype} with rows of shape {found[1:]}, expected "
                f"floating-point numbers of shape {shape}. Not the reproduction's file: "
                "`embeddings: {layout: table}` does without pictures."
            )


def _to_fluxes(picture: np.ndarray, crop_px: int) -> np.ndarray:
    edge = (len(picture) - crop_px) // 2
    shown = picture[edge : edge + crop_px, edge : edge + crop_px]  # (y, x, rgb)
    fluxes = unstretch(np.nan_to_num(shown))  # (grz, y, x)
    return np.transpose(fluxes, (2, 1, 0)).astype(np.float32)  # (x, y, grz)
