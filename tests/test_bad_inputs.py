"""Bad input of every kind, through what the rules' scripts call: refused with advice, or in the ledger.

A kind is one entry of `BAD`: its name, what spoils a folder of good files, and what must come of it.
Ways to spoil files are in `spoil.py`. Another stage needs its own `of_...` in `bad_inputs.py`: the good
files, and how to run the stage on them.
"""

import os
import re

import h5py
import numpy as np
import pytest
from bad_inputs import GRID, Kept, Ledger, Refused, of_joint, of_ledger, of_own, of_provabgs
from own_files import make_planes, write_cube, write_sdss
from spoil import (
    catalogue,
    cell,
    columns,
    everywhere,
    folder_as_catalogue,
    folder_as_image,
    galactic,
    gzipped,
    hdu,
    image,
    joint,
    ledger,
    link,
    link_outside,
    lying_header,
    provabgs,
    provabgs_elsewhere,
    raw_storage,
    retyped,
    rotated,
    scaled,
    spectrum,
    table_hdu,
    ten_groups,
    text,
    two_targets,
    unknown_filter,
    user_block,
    virtual,
)

from galaxypair import tables
from galaxypair.errors import GalaxypairError

ADVICE = re.compile(
    r"\b(check|convert|fetch|loosen|make|put|remove|rename|save|see|set|use|wait|write)\b", re.IGNORECASE
)

NOT_JOINT = "Not the joint layout"
ELSEWHERE = "other file|another file|link"
BAD = [
    of_joint("dataset in another file",
        link("1/images", lambda f: h5py.ExternalLink(f / "other.h5", "1/images")),
        Refused("joint.h5", ELSEWHERE)),
    of_joint("group in another file", link("1", lambda f: h5py.ExternalLink(f / "other.h5", "1")),
        Refused("joint.h5", ELSEWHERE)),
    of_joint("link to a file that is gone", link("1", lambda f: h5py.ExternalLink(f / "gone.h5", "1")),
        Refused("joint.h5", ELSEWHERE)),
    of_joint("soft link", link("1/images", lambda f: h5py.SoftLink("/0/images")),
        Refused("joint.h5", ELSEWHERE)),
    of_joint("soft link to nothing", link("1", lambda f: h5py.SoftLink("/nothing")),
        Refused("joint.h5", ELSEWHERE)),
    of_joint("values in a raw file", raw_storage, Refused("joint.h5", ELSEWHERE)),
    of_joint("virtual dataset", virtual, Refused("joint.h5", ELSEWHERE)),
    of_joint("compound images", joint("images", lambda v: v.view([("g", "f4"), ("r", "f4"), ("z", "f4")])),
        Refused("joint.h5", NOT_JOINT)),
    of_joint("complex images", joint("images", lambda v: v.astype("c8")), Refused("joint.h5", NOT_JOINT)),
    of_joint("spectra with axes swapped", joint("spectra", lambda v: np.swapaxes(v, 1, 2)),
        Refused("joint.h5", NOT_JOINT)),
    of_joint("unsigned TARGETIDs", joint("targetids", lambda v: v.astype("u8") + 2**63),
        Refused("joint.h5", NOT_JOINT)),
    of_joint("unknown filter", unknown_filter, Refused("joint.h5", "cannot be read")),
    of_joint("big-endian images", joint("images", lambda v: v.astype(">f4")), Kept()),
    of_joint("double precision", joint("images", lambda v: v.astype("f8")), Kept()),
    of_joint("half precision", joint("spectra", lambda v: v.astype("f2")), Kept()),
    of_joint("user block", user_block, Kept()),
    of_joint("ten groups of different sizes", ten_groups, Kept()),
    of_joint("redshift NaN", cell("redshifts", np.nan), Ledger("z_missing")),
    of_joint("redshift infinite", cell("redshifts", np.inf), Ledger("z_missing")),
    of_joint("TARGETID 0", cell("targetids", 0), Kept()),
    of_joint("TARGETID negative", cell("targetids", -5), Kept()),
    of_joint("TARGETID largest", cell("targetids", 2**63 - 1), Kept()),
    of_joint("TARGETID of another group", cell("targetids", 1000), Ledger("duplicate_targetid")),
    of_joint("image NaN", cell("images", np.nan), Ledger("image_absent")),
    of_joint("image infinite", cell("images", -np.inf), Ledger("image_absent")),
    of_joint("image far too bright", cell("images", 1e30), Ledger("image_not_finite")),
    of_joint("spectrum 0", cell("spectra", 0), Ledger("spectrum_all_zero")),
    of_provabgs("table in another file", provabgs_elsewhere, Refused("provabgs.hdf5", ELSEWHERE)),
    of_provabgs("TARGETID two-dimensional", retyped(TARGETID=("i8", 2)),
        Refused("provabgs.hdf5", "TARGETID")),
    of_provabgs("RA as text", retyped(RA="S8"), Refused("provabgs.hdf5", "RA")),
    of_provabgs("no rows", provabgs(lambda t: t[:0]), Kept()),
    of_provabgs("all places NaN", everywhere("RA", np.nan), Kept()),
    of_provabgs("all masses -999", everywhere("PROVABGS_LOGMSTAR_BF", -999), Kept()),
    of_provabgs("not a table", provabgs(lambda t: np.zeros(3)), Refused("provabgs.hdf5", "column")),
    of_ledger("cut short", text(lambda b: b[:-100], "dataset/ledger.parquet"),
        Refused("ledger.parquet", "cannot be read as a parquet table")),
    of_ledger("text", text(lambda b: b"targetid,kept\n", "dataset/ledger.parquet"),
        Refused("ledger.parquet", "cannot be read as a parquet table")),
    of_ledger("column missing", ledger(lambda t: t.drop(columns="kept")),
        Refused("ledger.parquet", "no column `kept`")),
    of_ledger("kept as words", ledger(lambda t: t.assign(kept="yes")),
        Refused("ledger.parquet", "column `kept`")),
    of_ledger("TARGETIDs as fractions", ledger(lambda t: t.assign(targetid=t["targetid"] + 0.5)),
        Refused("ledger.parquet", "column `targetid`")),
    of_own("byte order mark", text(lambda b: b"\xef\xbb\xbf" + b), Kept()),
    of_own("lines end as on Windows", text(lambda b: b.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
        Kept()),
    of_own("lines end as on old Macs", text(lambda b: b.replace(b"\r\n", b"\n").replace(b"\n", b"\r")),
        Kept()),
    of_own("everything quoted", text(lambda b: re.sub(rb"[^,\r\n]+", rb'"\g<0>"', b)), Kept()),
    of_own("line break in quotes", catalogue(notes_of_mine="two\nlines, a comma"), Kept()),
    of_own("semicolons", text(lambda b: b.replace(b",", b";")),
        Refused("catalogue.csv", "comma as separator")),
    of_own("UTF-16", text(lambda b: b.decode().encode("utf-16")), Refused("catalogue.csv", "UTF-8")),
    of_own("latin-1", text(lambda b: b.replace(b"bad,", b"b\xe4d,")), Refused("catalogue.csv", "UTF-8")),
    of_own("NUL bytes", text(lambda b: b.replace(b"bad,", b"b\0d,")), Refused("catalogue.csv", "NUL|CSV")),
    of_own("line of 10 MB", text(lambda b: b + b"x" * 10_000_000), Refused("catalogue.csv", "CSV")),
    of_own("header alone", text(lambda b: b.splitlines(keepends=True)[0]),
        Refused("catalogue.csv", "holds no galaxy")),
    of_own("no header", text(lambda b: b.split(b"\n", 1)[1]), Refused("catalogue.csv", "column")),
    of_own("column twice", text(lambda b: b.replace(b"id,ra,dec", b"ra,RA,dec")),
        Refused("catalogue.csv", "stands twice")),
    of_own("folder in place of the catalogue",
        folder_as_catalogue,
        Refused("catalogue.csv", "no such catalogue")),
    of_own("ra infinite", catalogue(ra="inf"), Ledger("catalogue_row_invalid", detail="ra is `inf`")),
    of_own("declination beyond the pole", catalogue(dec=91), Ledger("catalogue_row_invalid", detail="91")),
    of_own("targetid too large", catalogue(targetid=2**63),
        Ledger("catalogue_row_invalid", detail="64 bits")),
    of_own("image above the folder", catalogue(image="../good.fits", spectrum=""),
        Ledger("file_outside_catalogue_folder")),
    of_own("absolute path", catalogue(image="/etc/passwd", spectrum=""),
        Ledger("file_outside_catalogue_folder")),
    of_own("link out of the folder",
        link_outside,
        Ledger("file_outside_catalogue_folder")),
    of_own("folder in place of an image",
        folder_as_image,
        Ledger("file_missing")),
    of_own("bad image beside a good spectrum", image(lambda p: p.write_text("broken"), alone=False),
        Kept()),
    of_own("image without data", image(hdu(None)), Ledger("image_bands_missing")),
    of_own("image of four dimensions", image(hdu(make_planes()[None].astype("f4"))),
        Ledger("image_bands_missing")),
    of_own("image scaled to integers", image(scaled), Kept()),
    of_own("image without coordinates", image(lambda p: write_cube(p, make_planes(), None)),
        Ledger("pixel_scale_unknown", detail="pixel_scale_arcsec")),
    of_own("image with rotated coordinates",
        image(rotated),
        Kept()),
    of_own("image in galactic coordinates", image(galactic), Ledger("target_outside_image")),
    of_own("image all NaN", image(hdu(np.full((3, 200, 200), np.nan, "f4"))), Ledger("image_not_finite")),
    of_own("image in Jansky", image(hdu(make_planes().astype("f4"), bunit="Jy")),
        Ledger("units_unknown", detail="Jy")),
    of_own("image compressed", image(gzipped), Kept()),
    of_own("image cut short", image(lambda p: os.truncate(p, 5000)),
        Ledger("file_unreadable", detail="bad.fits")),
    of_own("header that promises 30 GB", image(lying_header), Ledger("file_unreadable", detail="bad.fits")),
    of_own("table in place of an image", image(table_hdu), Ledger("image_bands_missing")),
    of_own("spectrum without weight",
        spectrum(lambda p: write_sdss(p, GRID, np.ones(7781), ivar=np.zeros(7781))),
        Ledger("spectrum_all_zero")),
    of_own("spectrum all NaN", spectrum(lambda p: write_sdss(p, GRID, np.full(7781, np.nan))),
        Ledger("spectrum_not_finite")),
    of_own("wavelengths out of order",
        spectrum(columns(wavelength=np.r_[GRID[4000:], GRID[:4000]], flux=np.ones(7781)), "bad_vacuum.csv"),
        Ledger("wavelength_medium_unknown", detail="spectrum_medium")),
    of_own("wavelengths all the same",
        spectrum(columns(wave_vac=np.full(99, 5000.0), flux=np.ones(99)), "bad.csv"),
        Ledger("file_unreadable|wavelength_outside_range")),
    of_own("wavelengths negative",
        spectrum(columns(loglam=np.full(99, -3.0), flux=np.ones(99)), "bad.csv"),
        Ledger("wavelength_medium_unknown")),
    of_own("spectrum without rows", spectrum(columns(wavelength=np.zeros(0), flux=np.zeros(0)), "bad.csv"),
        Ledger("wavelength_medium_unknown|file_unreadable")),
    of_own("pickle in place of a spectrum",
        spectrum(lambda p: np.save(p, np.array([{}], object), allow_pickle=True), "bad.npy"),
        Ledger("file_unreadable", detail="bad.npy")),
    of_own("image in place of a spectrum", spectrum(hdu(make_planes().astype("f4"))),
        Ledger("file_unreadable", detail="bad_spectrum.fits")),
    of_own("spectrum of another target",
        spectrum(two_targets),
        Ledger("target_not_in_file")),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_bad_input_is_refused_with_advice_or_stands_in_the_ledger(tmp_path, bad):
    bad.good(tmp_path)
    bad.spoil(tmp_path)
    if isinstance(bad.outcome, Refused):
        with pytest.raises(GalaxypairError, match=bad.outcome.match) as caught:
            bad.run(tmp_path)
        message = str(caught.value)
        assert re.search(rf"{re.escape(bad.outcome.file)}`", message)
        assert ADVICE.search(message)
        assert [p.name for p in tmp_path.rglob("*.part*")] == []
        return
    ledger, n_in = bad.run(tmp_path)
    assert len(ledger) == n_in
    lost = ledger[~ledger["kept"]]
    if isinstance(bad.outcome, Kept):
        assert lost.empty
        return
    assert len(lost) == bad.outcome.n
    assert lost["reason"].str.fullmatch(bad.outcome.reason).all(), lost["reason"].tolist()
    assert set(lost["reason"]) <= set(tables.REASONS)
    assert lost["detail"].str.contains(bad.outcome.detail, regex=False).all(), lost["detail"].tolist()


def test_names_of_bad_inputs_are_different():
    names = [bad.name for bad in BAD]
    assert len(set(names)) == len(names) >= 25
