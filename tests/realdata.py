"""Build a catalogue from public survey files that lie beside the repository, never in it."""

import csv
import os
import shutil
from pathlib import Path

import pytest
from astropy.io import fits

REALDATA = Path(__file__).resolve().parents[1].parent / "shared" / "realdata"
needs_realdata = pytest.mark.skipif(
    not (REALDATA / "pairs.csv").exists(), reason="no survey files in ../shared/realdata"
)
COLUMNS = ("id", "ra", "dec", "image", "spectrum", "z", "pixel_scale_arcsec", "sn_median", "kind")
FITS_CUTOUTS = (
    "willettk_decals/python/test_examples/example_b.fits",
    "willettk_decals/python/test_examples/example_c.fits",
    "willettk_decals/python/test_examples/example_d.fits",
    "willettk_decals/python/test_examples/example_e.fits",
    "willettk_decals/python/test_examples/example_bad_pix.fits",
    "willettk_decals/python/test_examples/example_incomplete.fits",
    "willettk_decals/python/test_examples/temp/temp_extended.fits",
    "mwalmsley_galaxy-zoo-bayesian-cnn/zoobot/tests/test_examples/example_a.fits",
    "mwalmsley_galaxy-zoo-bayesian-cnn/zoobot/tests/test_examples/example_b.fits",
    "pysersic_pysersic/examples/examp_gals/cutout_59.1067_-30.4848.fits",
)
DESI_FOLDER = "desihub_fastspecfit/py/fastspecfit/test/data"
DESI_COADDS = ("coadd-4-80613-thru20210324.fits", "coadd-special-dark-27247.fits")


def write_catalogue(realdata: Path, folder: Path) -> Path:
    """Put the files and `catalogue.csv` into `folder`: pairs, spectra alone, cutouts alone, DESI coadds."""
    rows = [*_pairs(realdata), *_sdss_alone(realdata), *_cutouts_alone(realdata), *_desi(realdata)]
    for row in rows:
        for kind in ("image", "spectrum"):
            if row.get(kind):
                row[kind] = _bring(realdata, row[kind], folder)
    for name in DESI_COADDS:
        _bring(realdata, f"{DESI_FOLDER}/{name.replace('coadd', 'redrock')}", folder)
    catalogue = folder / "catalogue.csv"
    with catalogue.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return catalogue


def _pairs(realdata: Path) -> list[dict]:
    """20 colour pictures and 2 FITS cutouts, each with the SDSS spectrum of the same galaxy."""
    with (realdata / "pairs.csv").open(encoding="utf-8") as file:
        pairs = list(csv.DictReader(file))
    return [
        {
            "id": p["bestobjid"]
            if p["kind"].startswith("jpeg")
            else f"{p['bestobjid']}_{Path(p['image']).stem}",
            "pixel_scale_arcsec": p["pixscale_arcsec"] if p["kind"].startswith("jpeg") else "",
            **{k: p[k] for k in ("ra", "dec", "image", "spectrum", "z", "sn_median", "kind")},
        }
        for p in pairs
    ]


def _sdss_alone(realdata: Path) -> list[dict]:
    rows = []
    for path in sorted((realdata / "FireflySpectra_firefly_release").glob("spec-*.fits")):
        with fits.open(path) as hdus:
            header, known = hdus[0].header, hdus["SPALL" if "SPALL" in hdus else "SPECOBJ"].data[0]
            row = {"ra": header["PLUG_RA"], "dec": header["PLUG_DEC"], "z": float(known["Z"])}
        spectrum = str(path.relative_to(realdata))
        rows.append({"id": path.stem, "spectrum": spectrum, "kind": "sdss", **row})
    return rows


def _cutouts_alone(realdata: Path) -> list[dict]:
    rows = []
    for name in FITS_CUTOUTS:
        with fits.open(realdata / name, ignore_missing_simple=True) as hdus:
            header = hdus[0].header if hdus[0].header["NAXIS"] else hdus[1].header
            ra, dec = header["CRVAL1"], header["CRVAL2"]
        if "pysersic" in name:  # its reference point lies outside; the name tells the target
            ra, dec = Path(name).stem.split("_")[1:]
        ident = f"{name.split('_')[0]}_{Path(name).stem}"
        rows.append({"id": ident, "ra": ra, "dec": dec, "image": name, "kind": "flux_grz"})
    return rows


def _desi(realdata: Path) -> list[dict]:
    rows = []
    for name in DESI_COADDS:
        with fits.open(realdata / DESI_FOLDER / name) as hdus:
            target = hdus["FIBERMAP"].data[0]
            row = {"id": int(target["TARGETID"]), "ra": target["TARGET_RA"], "dec": target["TARGET_DEC"]}
        rows.append({"spectrum": f"{DESI_FOLDER}/{name}", "kind": "desi", **row})
    return rows


def _bring(realdata: Path, name: str, folder: Path) -> str:
    """Link a file into the folder, or copy it where links cannot be made."""
    flat = f"{Path(name).parts[0]}/{Path(name).name}"
    target = folder / flat
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        try:
            os.link(realdata / name, target)
        except OSError:
            shutil.copyfile(realdata / name, target)
    return flat
