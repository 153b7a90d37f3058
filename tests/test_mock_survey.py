import itertools
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from mock_factories import drawn, library_file, make_settings, needs_grids

from galaxypair import io, tables
from galaxypair.mock import junk, repeats, survey

pytestmark = needs_grids


def write(folder: Path, processes: int = 1, **changes: float) -> dict[str, Path]:
    paths = {
        "joint": folder / "joint.h5",
        "provabgs": folder / "provabgs.hdf5",
        "truth": folder / "truth.hdf5",
    }
    survey.write_survey(make_settings(**changes), library_file(), **paths, processes=processes)
    return paths


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write(tmp_path_factory.mktemp("survey"))


@pytest.fixture(scope="module")
def truth(files):
    return io.read_arrays(files["truth"])["truth"]


@pytest.fixture(scope="module")
def blocks(files):
    return list(io.iter_joint(files["joint"]))


def test_joint_file_has_the_published_layout(files):
    assert io.check_joint(files["joint"]) == dict.fromkeys(tables.JOINT_GROUPS, 20)


def test_truth_describes_every_row_in_order(truth, blocks):
    np.testing.assert_array_equal(truth["targetid"], np.concatenate([b.targetid for b in blocks]))
    np.testing.assert_array_equal(truth["z_observed"], np.concatenate([b.z for b in blocks]))
    assert truth["group"].tolist() == sorted(truth["group"])
    assert truth["bright_sample"].mean() == pytest.approx(0.15, abs=0.02)


def test_groups_fall_in_z_band_flux(truth):
    flux = [truth["flux"][truth["group"] == g, 2] for g in range(10)]
    assert all(a.min() >= b.max() for a, b in itertools.pairwise(flux))


def test_exact_zeros_and_bad_redshifts_belong_to_junk_alone(truth, blocks):
    images, spectra = (np.concatenate([getattr(b, name) for b in blocks]) for name in ("images", "spectra"))
    assert np.isfinite(images).all()
    assert np.isfinite(spectra).all()
    kinds = truth["junk"]
    assert set(kinds) == set(range(len(junk.KINDS)))
    np.testing.assert_array_equal((spectra == 0).all(1), kinds == junk.DEAD_SPECTRUM)
    np.testing.assert_array_equal((spectra == 0).any(1), kinds == junk.DEAD_SPECTRUM)
    np.testing.assert_array_equal((images == 0).any((1, 2, 3)), kinds == junk.MISSING_BAND)
    outside = (truth["z_observed"] < 0) | (truth["z_observed"] > 0.8)
    np.testing.assert_array_equal(outside, kinds == junk.FAILED_REDSHIFT)


def test_repeats_share_the_cutout_but_not_the_spectrum(truth, blocks):
    spectra, images = (np.concatenate([getattr(b, name) for b in blocks]) for name in ("spectra", "images"))
    again, first = repeats.first_rows(truth)
    assert len(again) == 6
    np.testing.assert_array_equal(truth["targetid"][first], truth["repeats"][again])
    for name in ("z", "flux", "fibre_fraction"):
        np.testing.assert_array_equal(truth[name][again], truth[name][first])
    assert (spectra[again] == spectra[first]).mean() < 0.01
    own = truth["targetid"][again] == truth["targetid"][first]
    np.testing.assert_array_equal(images[again[own]], images[first[own]])
    for i, j in zip(again[~own], first[~own], strict=True):
        offset = repeats.offset_px(truth[i], truth[j])
        assert 0.05 < np.hypot(*offset) <= 1
        np.testing.assert_array_equal(images[i], repeats.cut_again(images[j], offset))


def test_repeats_show_the_light_that_the_first_observation_saw(truth, blocks):
    spectra = np.concatenate([b.spectra for b in blocks])
    for i, j in zip(*repeats.first_rows(truth), strict=True):
        smooth = [np.median(spectra[k, 3000:6000].reshape(-1, 500), axis=1) for k in (i, j)]
        assert np.median(smooth[0] / smooth[1]) == pytest.approx(1, abs=0.15)


def test_other_rows_do_not_depend_on_how_repeats_are_made(truth, blocks, tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "_write_repeats", lambda *_: None)
    plain = list(io.iter_joint(write(tmp_path)["joint"]))
    others = truth["repeats"] < 0
    for name in ("images", "spectra", "z"):
        here, there = (np.concatenate([getattr(b, name) for b in some]) for some in (blocks, plain))
        np.testing.assert_array_equal(here[others], there[others])
        assert name == "z" or (here[~others] != there[~others]).any()


def test_twins_have_another_targetid_at_the_same_place_in_provabgs(truth, files):
    twins = truth[(truth["repeats"] >= 0) & (truth["repeats"] != truth["targetid"])]
    assert len(twins) == 2
    catalogue = io.read_provabgs(files["provabgs"]).set_index("targetid")
    for twin in twins:
        one, two = catalogue.loc[twin["targetid"]], catalogue.loc[twin["repeats"]]
        across = (one["ra"] - two["ra"]) * np.cos(np.radians(one["dec"]))
        assert 0 < 3600 * np.hypot(across, one["dec"] - two["dec"]) < 0.31


def test_provabgs_is_read_by_astropy_and_by_us(files, truth):
    table = Table.read(files["provabgs"], path="__astropy_table__")
    ours = io.read_provabgs(files["provabgs"])
    np.testing.assert_array_equal(table["TARGETID"], ours["targetid"])
    assert len(set(table["TARGETID"])) == len(table)
    assert set(table["TARGETID"]) < set(truth["targetid"])
    assert 0.4 < len(table) / len(truth) < 0.7
    assert table["Z_HP"].max() < 0.6 + 1e-3


def test_files_do_not_depend_on_the_number_of_processes(files, tmp_path):
    for name, path in write(tmp_path, processes=2).items():
        assert path.read_bytes() == files[name].read_bytes(), name


def test_another_seed_gives_another_survey(files, tmp_path):
    other = write(tmp_path, n=20, seed=2, junk_fraction=0, duplicate_fraction=0)
    assert not np.isin(
        io.read_arrays(other["truth"])["truth"]["z"], io.read_arrays(files["truth"])["truth"]["z"]
    ).any()


def test_smallest_survey_without_extras_can_be_written(tmp_path):
    paths = write(
        tmp_path, n=20, bright_fraction=0, junk_fraction=0, duplicate_fraction=0, provabgs_fraction=0
    )
    assert sum(io.check_joint(paths["joint"]).values()) == 20
    assert len(io.read_provabgs(paths["provabgs"])) == 0


def test_extreme_fractions_can_be_planned():
    settings = make_settings(n=40, junk_fraction=0.5, duplicate_fraction=0.5, provabgs_fraction=1)
    rows = survey.plan_rows(settings, drawn("main")[:20], np.random.default_rng(1))
    assert len(rows) == 40
    assert (rows["repeats"] >= 0).sum() == 20


def test_every_block_of_the_population_is_drawn_anew():
    settings = make_settings(bright_fraction=0.5)
    galaxies = survey.draw_population(settings, 3000, library_file(), map)
    assert galaxies["bright_sample"].sum() == 1500
    assert len(np.unique(galaxies["z"])) == 3000
