"""Images and spectra of the Multimodal Universe, matched on the sky and written as pairs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import h5py
import mmu_files
import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from datasets import Dataset
from hub_server import serve

from galaxypair import io, tables
from galaxypair.errors import DataError
from galaxypair.io.mmu import find_files, iter_rows, read_columns
from galaxypair.published import mmu

ARCSEC = 1 / 3600


@pytest.mark.parametrize(
    ("place", "partner"),
    [
        ((150.0, 2.0), (150.0, 2.0 + 0.9 * ARCSEC)),
        ((359.99999, 10.0), (0.00001, 10.0)),  # RA 0 = 360
        ((0.0, 0.0), (360.0, 0.0)),
        ((10.0, 90 - 0.2 * ARCSEC), (190.0, 90 - 0.2 * ARCSEC)),  # over the pole
        ((10.0, -90 + 0.2 * ARCSEC), (130.0, -90 + 0.2 * ARCSEC)),
        ((45.0, 0.0 - 0.3 * ARCSEC), (45.0, 0.3 * ARCSEC)),  # corner of four cells
    ],
)
def test_neighbours_are_matched_wherever_they_are(place, partner):
    first, second = mmu.match(*np.array([(77.0, 7), place]).T, *np.array([partner, (99.0, 9)]).T, 1.0)
    assert first.tolist() == [1]
    assert second.tolist() == [0]


@pytest.mark.parametrize(
    ("separation", "found"), [(0.99, 1), (1.01, 0)], ids=["within the radius", "outside"]
)
def test_radius_is_kept(separation, found):
    first, _ = mmu.match(
        *np.array([[150.0], [60.0]]), *np.array([[150.0 + 2 * separation * ARCSEC], [60.0]]), 1.0
    )
    assert len(first) == found


def test_only_mutual_nearest_are_pairs():
    dec = np.zeros(2)
    first, second = mmu.match(np.array([0, 0.5]) * ARCSEC, dec, np.array([0.4, 5.0]) * ARCSEC, dec, 1.0)
    assert (first.tolist(), second.tolist()) == ([1], [0])


def test_unknown_positions_match_nothing():
    nan = np.array([np.nan, 1.0])
    assert len(mmu.match(nan, nan, np.array([np.nan]), np.array([np.nan]), 1.0)[0]) == 0
    first, second = mmu.match(nan, nan, np.array([np.nan, np.nan, 1.0]), np.array([1.0, 1, 1]), 1.0)
    assert (first.tolist(), second.tolist()) == ([1], [2])


def test_match_agrees_with_all_separations():
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 0.005, (2, 300))
    other_ra, other_dec = rng.uniform(0, 0.005, (2, 200))
    table = SkyCoord(ra, dec, unit="deg")[:, None].separation(SkyCoord(other_ra, other_dec, unit="deg")[None])
    expected = {
        (i, j) for i, j in zip(*np.nonzero(table < 1 * u.arcsec), strict=True)
        if table[i].argmin() == j and table[:, j].argmin() == i
    }  # fmt: skip
    found = mmu.match(ra, dec, other_ra, other_dec, 1.0)
    assert len(expected) > 20
    assert set(zip(*found, strict=True)) == expected


@pytest.mark.parametrize(
    ("side", "bands", "expected"),
    [
        (160, mmu_files.BANDS, [0, 1, 3]),
        (152, ("des-z", "des-g", "des-r"), [1, 2, 0]),
        (152, ("DES-G", "bass-r", "mzls-z"), [0, 1, 2]),
    ],
)
def test_bands_are_chosen_by_name_and_the_centre_kept(side, bands, expected):
    flux = np.zeros((len(bands), side, side)) + np.arange(len(bands))[:, None, None]
    flux[:, side // 2, side // 2] += 100
    cutout = mmu.to_cutout(np.array(bands), flux)
    assert cutout.shape == (152, 152, 3) and cutout.dtype == np.float32
    np.testing.assert_array_equal(cutout[0, 0], expected)
    np.testing.assert_array_equal(cutout[76, 76], np.array(expected) + 100)


@pytest.mark.parametrize(
    ("shape", "bands", "reason"),
    [
        ((3, 152, 152), ("des-g", "des-r", "des-i"), "image_bands_missing"),
        ((4, 150, 160), mmu_files.BANDS, "image_wrong_shape"),
        ((160, 160), mmu_files.BANDS, "image_wrong_shape"),
        ((3, 160, 160), mmu_files.BANDS, "image_wrong_shape"),
    ],
)
def test_unusable_images_get_a_reason(shape, bands, reason):
    assert mmu.to_cutout(np.array(bands), np.zeros(shape)) == reason
    assert reason in tables.REASONS


def test_masked_and_weightless_bins_are_no_data():
    flux, ivar, mask = np.full(7781, 5.0), np.ones(7781), np.zeros(7781, bool)
    mask[10], ivar[20], ivar[21], flux[20] = True, 0, np.nan, np.nan
    spectrum = mmu.to_spectrum(flux, ivar, mask, mmu_files.GRID)
    assert np.flatnonzero(spectrum == 0).tolist() == [10, 20, 21]
    assert spectrum.shape == (7781, 1) and (spectrum[100:] == 5).all()


@pytest.mark.parametrize(
    ("wavelength", "reason"),
    [
        (mmu_files.GRID + 0.4, "wavelength_grid_differs"),
        (np.linspace(3600, 9000, 7781), "wavelength_grid_differs"),
        (np.full(7781, np.nan), "wavelength_grid_differs"),
        (mmu_files.GRID[:-1], "spectrum_wrong_shape"),
    ],
)
def test_other_grids_are_refused(wavelength, reason):
    assert mmu.to_spectrum(np.ones(7781), np.ones(7781), np.zeros(7781, bool), wavelength) == reason
    assert reason in tables.REASONS


def test_spectrum_of_another_length_is_refused():
    n = 4000
    assert (
        mmu.to_spectrum(*np.ones((2, n)), np.zeros(n, bool), mmu_files.GRID[:n]) == "wavelength_grid_differs"
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 4]), [True, False]),  # bits of redrock
        (np.array([True, False]), [True, False]),  # the inverted flag
    ],
)
def test_zwarn_is_read_in_both_senses(values, expected):
    assert mmu.without_warning(values).tolist() == expected


def test_targetids_are_read_from_numbers_and_texts():
    big = 39633140951548685
    for values in (
        np.array([big]),
        np.array([str(big)]),
        np.array([f"b' {big}'"]),
        np.array([str(big)], object),
    ):
        assert mmu.targetids(values, "x").tolist() == [big]
    with pytest.raises(DataError, match="`0012p034-5` is no TARGETID"):
        mmu.targetids(np.array(["0012p034-5"]), "x")


# one pair in a cell; one whose spectrum lies in the next cell; an image alone; a pair with a redshift
# warning; a spectrum alone; a pair on another wavelength grid; one more pair
IMAGE_PLACES = {5: ([10.0, 11, 12], [1.0, 2, 3]), 6: ([20.0, 21, 22], [1.0, 2, 3])}
SPECTRUM_PLACES = {5: ([22.0, 10], [3.0, 1], [6, 1]), 6: ([11.0, 20, 40, 21], [2.0, 1, 4, 2], [2, 4, 5, 9])}
EXPECTED = {1: "", 2: "", 4: "z_warning", 5: "no_image_match", 6: "", 9: "wavelength_grid_differs"}


def make_survey(folder: Path, layout: str) -> dict[str, str]:
    first = 0
    for cell in (5, 6):
        images = mmu_files.image_columns(*IMAGE_PLACES[cell], first=first)
        first += 3
        spectra = mmu_files.spectrum_columns(*SPECTRUM_PLACES[cell])
        spectra["ZWARN"][spectra["object_id"] == 4] = 4
        spectra["spectrum_lambda"][spectra["object_id"] == 9] += 1
        if layout == "hdf5":
            mmu_files.write_hdf5(folder / "images", cell, images)
            mmu_files.write_hdf5(folder / "spectra", cell, spectra)
        else:
            name = f"dataset/Npix={cell}.parquet"
            mmu_files.write_image_parquet(folder / "images" / name, images, listed=layout == "listed")
            mmu_files.write_spectrum_parquet(folder / "spectra" / name, spectra)
    properties = mmu_files.provabgs_columns([1, 2, 6])
    if layout == "hdf5":
        mmu_files.write_hdf5(folder / "provabgs", 5, properties, suffix="h5")
    else:
        mmu_files.write_provabgs_parquet(folder / "provabgs" / "a.parquet", properties)
    return {name: str(folder / name) for name in ("images", "spectra", "provabgs")}


@pytest.fixture(scope="module", params=["hdf5", "struct", "listed"])
def survey(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_survey(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def written(survey, tmp_path_factory) -> tuple[pd.DataFrame, io.JointBlock]:
    joint = tmp_path_factory.mktemp("joint") / "joint.h5"
    with h5py.File(joint, "w") as file:
        catalogue = mmu.write_survey(survey["images"], survey["spectra"], file, match_radius_arcsec=1.0)
    (block,) = io.iter_joint(joint)
    return catalogue, block


def test_every_object_has_a_verdict(written):
    catalogue, _ = written
    found = catalogue[catalogue["targetid"] >= 0].set_index("targetid")["reason"].to_dict()
    assert found == EXPECTED
    assert catalogue.loc[catalogue["targetid"] < 0, "reason"].tolist() == ["no_spectrum_match"]
    assert ((catalogue["reason"] == "") == catalogue["kept"]).all()


def test_pairs_are_written_in_the_order_of_the_images_and_belong_together(written):
    _, block = written
    assert block.targetid.tolist() == [1, 2, 6]
    np.testing.assert_array_equal(block.images[:, 0, 0], [[0, 1, 3], [100, 101, 103], [500, 501, 503]])
    np.testing.assert_array_equal(block.images[:, 76, 76, 0], [1000, 1100, 1500])
    np.testing.assert_array_equal(block.spectra[:, 0], [1, 2, 6])
    assert (block.spectra[:, 3:5] == 0).all() and (block.spectra[:, 5:] != 0).all()
    np.testing.assert_allclose(block.z, [0.001, 0.002, 0.006], rtol=1e-5)


def test_split_is_left_to_a_hash(written):
    assert {tables.JOINT_SPLITS[code] for code in written[1].split} == {"any"}


def test_properties_get_the_layout_of_the_published_catalogue(survey, tmp_path):
    io.write_provabgs(tmp_path / "provabgs.hdf5", mmu.read_provabgs(survey["provabgs"]))
    frame = io.read_provabgs(tmp_path / "provabgs.hdf5")
    assert set(tables.PROVABGS_SCALARS.values()) == set(frame.columns)
    assert frame["targetid"].tolist() == [1, 2, 6]
    assert frame["log_mstar"].tolist() == [10, 11, 12]
    assert frame["avg_sfr"].tolist() == [0, 1, 2]


def test_nothing_in_common_is_an_error_that_counts(survey, tmp_path):
    mmu_files.write_hdf5(tmp_path / "far", 1, mmu_files.spectrum_columns([300.0], [50.0], [1]))
    with h5py.File(tmp_path / "joint.h5", "w") as file, pytest.raises(DataError, match="1 no_image_match"):
        mmu.write_survey(survey["images"], str(tmp_path / "far"), file, match_radius_arcsec=1.0)


def test_only_the_main_table_of_a_collection_is_read(tmp_path):
    for table in ("main", "main_10arcs"):
        for name in ("dataset/Norder=1/Npix=1.parquet", "dataset/data_thumbnail.parquet"):
            path = tmp_path / table / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
    (tmp_path / "collection.properties").write_text("obs_collection=x\nhats_primary_table_url = main\n")
    assert find_files(str(tmp_path), "mmu.images") == [str(tmp_path / "main/dataset/Norder=1/Npix=1.parquet")]


@pytest.mark.parametrize(
    ("folder", "address"),
    [
        ("MultimodalUniverse/v1/desi/edr_sv3", "desi/edr_sv3/healpix=N/"),
        ("no/such/folder", "DATASET/CONFIG/healpix=N/"),
    ],
)
def test_absent_folder_says_how_to_fetch_into_it(folder, address):
    with pytest.raises(DataError, match=r"key `mmu.images`.*\n  wget -r ") as caught:
        find_files(folder, "mmu.images")
    command = str(caught.value).splitlines()[1].split()
    place, cut = urlsplit(command[-1]).path.strip("/"), int(command[4].removeprefix("--cut-dirs="))
    assert "/".join(place.split("/")[cut:]) == f"MultimodalUniverse/v1/{address.strip('/')}"


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="no HDF5 or parquet file"):
        find_files(str(tmp_path), "mmu.images")


def test_missing_column_is_named(tmp_path):
    path = mmu_files.write_provabgs_parquet(tmp_path / "a.parquet", mmu_files.provabgs_columns([1]))
    with pytest.raises(DataError, match=r"no column Z \(found .*mmu.spectra"):
        read_columns(str(path), ("ra", "Z"), key="mmu.spectra")


def test_previews_without_positions_are_refused(tmp_path):
    Dataset.from_dict({"object_id": ["1"], "Z": [0.1]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"no column ra, dec .*previews of the Multimodal Universe"):
        read_columns(str(tmp_path / "a.parquet"), ("ra", "dec", "Z"), key="mmu.spectra")


def test_missing_field_is_named(tmp_path):
    columns = mmu_files.spectrum_columns([1.0], [1.0], [1])
    del columns["spectrum_mask"]
    path = mmu_files.write_hdf5(tmp_path, 1, columns)
    with pytest.raises(DataError, match=r"no spectrum_mask \(found .*spectrum_flux"):
        next(iter_rows(str(path), np.array([0]), "spectrum", mmu.SPECTRUM_FIELDS, key="mmu.spectra"))


@pytest.mark.parametrize("suffix", ["hdf5", "parquet"])
def test_damaged_file_is_told(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=rf"a\.{suffix}`.*incomplete"):
        read_columns(str(path), ("ra",), key="mmu.images")


REMOTE = """
import json
import numpy as np
from galaxypair.errors import DataError
from galaxypair.io.mmu import find_files, iter_rows, read_columns
from galaxypair.published.mmu import SPECTRUM_FIELDS
(file,) = find_files("good/x", "mmu.spectra")
ids = read_columns(file, ("object_id",), key="mmu.spectra")["object_id"].tolist()
rows = iter_rows(file, np.array([1, 3]), "spectrum", SPECTRUM_FIELDS, key="mmu.spectra")
values = [float(flux[0]) for _, fields in rows for flux in fields["flux"]]
next(iter_rows(file, np.array([0, 1]), "spectrum", SPECTRUM_FIELDS, key="mmu.spectra"))  # left half-way
said = []
for name in ("unknown/x", "gated/x"):
    try:
        find_files(name, "mmu.spectra")
    except DataError as err:
        said.append(str(err))
print(json.dumps([ids, values, *said]))
"""


def test_rows_of_a_hub_dataset_are_read(tmp_path):
    columns = mmu_files.spectrum_columns([1.0, 2, 3, 4], [1.0, 2, 3, 4], [7, 8, 9, 10])
    mmu_files.write_spectrum_parquet(tmp_path / "data" / "a.parquet", columns)
    with serve(tmp_path / "data") as (address, _):
        environment = os.environ | {
            "HF_ENDPOINT": address,
            "HF_HOME": str(tmp_path / "home"),
            "no_proxy": "127.0.0.1",
            "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
        }
        done = subprocess.run(
            [sys.executable, "-c", REMOTE], env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    ids, values, unknown, gated = json.loads(done.stdout)
    assert ids == ["7", "8", "9", "10"]
    assert values == [8, 10]
    assert "no such data set" in unknown and "mmu.spectra" in unknown
    assert "export HF_TOKEN" in gated
