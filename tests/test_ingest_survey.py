import logging

import h5py
import numpy as np
import pandas as pd
import pytest
import realdata
from own_files import DEC, RA, make_planes, write_cube, write_desi, write_rows

from galaxypair import io, tables
from galaxypair.errors import DataError
from galaxypair.ingest.catalogue import read_catalogue
from galaxypair.ingest.survey import write_survey


def ingest(folder, rows, **settings):
    catalogue = read_catalogue(write_rows(folder / "catalogue.csv", rows))
    options = {"pixel_scale_arcsec": None, "spectrum_medium": "auto", **settings}
    with h5py.File(folder / "joint.h5", "w") as file:
        return write_survey(catalogue, folder, file, **options)


def make_files(folder):
    write_cube(folder / "good.fits", make_planes())
    (folder / "bad.fits").write_text("broken")
    write_desi(folder / "coadd-1.fits", np.ones(7781), targets=(11,))


def row(name, **changes):
    return {"id": name, "ra": RA, "dec": DEC, "image": "", "spectrum": "", "z": "", **changes}


def test_survey_holds_the_kept_galaxies_in_order_and_balances(tmp_path):
    make_files(tmp_path)
    rows = [
        row("pair", image="good.fits", spectrum="coadd-1.fits", z=0.3),
        row("nothing", image="bad.fits", spectrum="none.fits"),
        row("image", image="good.fits"),
        row("pair", image="good.fits"),
        row("half", image="bad.fits", spectrum="coadd-1.fits"),
    ]
    verdicts = ingest(tmp_path, rows)
    assert verdicts["kept"].tolist() == [True, False, True, False, True]
    assert verdicts["reason"].tolist() == ["", "file_unreadable", "", "duplicate_id", ""]
    assert "bad.fits" in verdicts["detail"][4] and "file_missing: none.fits" in verdicts["detail"][1]
    assert io.check_joint(tmp_path / "joint.h5") == {"0": 3}
    block = next(io.iter_joint(tmp_path / "joint.h5"))
    kept = verdicts[verdicts["kept"]]
    assert block.targetid.tolist() == kept["targetid"].tolist()
    assert np.allclose(block.z, [0.3, np.nan, 0.2], equal_nan=True)  # the last from redrock
    assert np.allclose(kept["z"], block.z, equal_nan=True)
    absent = [np.isnan(x.reshape(3, -1)).all(1).tolist() for x in (block.images, block.spectra)]
    assert absent == [[False, False, True], [False, True, False]]
    present = np.isfinite(block.images.reshape(3, -1)).all(1), np.isfinite(block.spectra).all(1)
    assert [p.tolist() for p in present] == [[True, True, False], [True, False, True]]


def test_catalogues_redshift_wins_over_the_files(tmp_path):
    make_files(tmp_path)
    assert ingest(tmp_path, [row("a", spectrum="coadd-1.fits", z=0.5)])["z"].tolist() == [0.5]


def test_scale_of_the_row_wins_over_the_configs(tmp_path):
    write_cube(tmp_path / "a.fits", make_planes(400, 15), None)
    rows = [row("a", image="a.fits", pixel_scale_arcsec="0.1"), row("b", image="a.fits")]
    ingest(tmp_path, rows, pixel_scale_arcsec=0.2)
    images = next(io.iter_joint(tmp_path / "joint.h5")).images
    size = (images[..., 1] > images[..., 1].max(axis=(1, 2), keepdims=True) / 2).sum((1, 2))
    assert size[1] == pytest.approx(4 * size[0], rel=0.05)


def test_order_of_rows_does_not_matter(tmp_path):
    make_files(tmp_path)
    rows = [row("a", image="good.fits"), row("b", spectrum="coadd-1.fits"), row("c", image="bad.fits")]
    first = ingest(tmp_path, rows).set_index("id").sort_index()
    pd.testing.assert_frame_equal(first, ingest(tmp_path, rows[::-1]).set_index("id").sort_index())


def test_none_usable_stops_with_the_first_reason(tmp_path):
    with pytest.raises(DataError, match=r"none of the 1 galaxies.*`a`: file_missing, x.fits"):
        ingest(tmp_path, [row("a", image="x.fits")])


def test_balance_and_rejections_are_logged(tmp_path, caplog):
    make_files(tmp_path)
    with caplog.at_level(logging.INFO):
        ingest(tmp_path, [row("a", image="good.fits"), row("b", image="bad.fits")])
    assert "2 galaxies in = 1 kept + 1 rejected {'file_unreadable': 1}" in caplog.text
    assert "b rejected, file_unreadable" in caplog.text


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """Public survey files as a user would hand them over."""
    folder = tmp_path_factory.mktemp("own")
    catalogue = read_catalogue(realdata.write_catalogue(realdata.REALDATA, folder))
    with h5py.File(folder / "joint.h5", "w") as file:
        verdicts = write_survey(catalogue, folder, file, pixel_scale_arcsec=None, spectrum_medium="auto")
    kept = verdicts[verdicts["kept"]].reset_index(drop=True)
    return verdicts, kept, next(io.iter_joint(folder / "joint.h5"))


@realdata.needs_realdata
def test_real_files_all_but_the_truncated_one_are_kept(survey):
    verdicts, kept, block = survey
    assert len(verdicts) == 46 and len(kept) == len(block.targetid) == 45
    assert verdicts.loc[~verdicts["kept"], ["id", "reason"]].to_numpy().tolist() == [
        ["willettk_example_incomplete", "file_unreadable"]
    ]
    assert kept["image_approximate"].sum() == 20


@realdata.needs_realdata
def test_same_galaxy_at_two_plate_scales_agrees_to_three_percent(survey):
    _, kept, block = survey
    images = block.images[kept["id"].str.startswith("1237648720142401611_").to_numpy()]
    core = images[:, 40:112, 40:112].sum((1, 2))
    assert np.allclose(core[0], core[1], rtol=0.03)


@realdata.needs_realdata
def test_real_emission_lines_stand_at_the_catalogues_redshift(survey):
    """H alpha or [O II] of galaxies with strong lines, within 2 Angstrom of where z puts them."""
    _, kept, block = survey
    grid = np.linspace(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, tables.N_WAVELENGTH)
    found = 0
    for flux, z in zip(block.spectra, kept["z"], strict=True):
        at = 6564.61 * (1 + z)
        if not np.isfinite(flux).all() or not at < 9300:
            continue
        near, around = np.abs(grid - at) < 12, (np.abs(grid - at) > 50) & (np.abs(grid - at) < 120)
        level, scatter = np.median(flux[around]), np.std(flux[around])
        if flux[near].max() > level + 8 * scatter:
            found += 1
            assert abs(grid[near][flux[near].argmax()] - at) < 2
    assert found >= 8
