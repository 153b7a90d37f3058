import logging

import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from factories import make_dataset

from galaxypair import io, leaks, tables

SEARCH = leaks.Search(image_neighbours=4, image_max_chi2=1.8, max_pairs=100)
SPLIT = np.array([0, 0, 1, 2, 2, 0, 2], "u1")


def pairs_of(found: leaks.Pairs) -> list[tuple[int, int]]:
    return list(zip(found.first.tolist(), found.second.tolist(), strict=True))


def test_equal_keys_pair_only_across_splits():
    key = np.array([7, 7, 7, 7, 8, 9, 9])
    found = leaks.equal_keys("same_targetid", key, SPLIT, np.ones(7, bool), 100)
    assert pairs_of(found) == [(0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (5, 6)]
    assert (found.count, found.galaxies, found.checked) == (6, 6, 7)


def test_all_pairs_are_counted_though_few_are_listed():
    key, split = np.zeros(2000, int), np.arange(2000) % 3
    found = leaks.equal_keys("identical_image", key, split, np.ones(2000, bool), 10)
    assert len(found.first) == 10
    assert found.count == (2000**2 - (np.bincount(split) ** 2).sum()) // 2


def test_rows_without_a_key_do_not_pair():
    found = leaks.equal_keys("identical_image", np.zeros(7), SPLIT, np.arange(7) < 2, 100)
    assert (found.count, found.checked, len(found.first)) == (0, 2, 0)


def test_sky_neighbours_across_splits_also_around_ra_zero():
    ra = np.array([359.9999, 10.0, 0.0001, 10.0001, 20.0, 20.0001, np.nan])
    place = SkyCoord(ra, np.where(np.isnan(ra), np.nan, 0.0), unit="deg")
    first, second, separation = leaks.sky_neighbours(place, SPLIT, 1.0)
    assert list(zip(first, second, strict=True)) == [(0, 2), (1, 3), (4, 5)]
    assert separation == pytest.approx([0.72, 0.36, 0.36])
    assert len(leaks.sky_neighbours(place, np.zeros(7, "u1"), 1.0)[0]) == 0


def test_other_redshift_or_place_makes_two_galaxies_of_one_image_unless_the_noise_agrees():
    z = np.array([0.1, 0.1002, 0.11, np.nan, 0.1], "f4")
    place = SkyCoord([10, 10.0001, np.nan, 10, 11], [0, 0, np.nan, 0, 0], unit="deg")
    first, second = np.zeros(4, int), np.arange(1, 5)
    assert leaks.contradicted(first, second, np.ones(4), z, place).tolist() == [False, True, False, True]
    assert not leaks.contradicted(first, second, np.full(4, 0.1), z, place).any()


@pytest.fixture
def dataset(tmp_path):
    """Rows 0 and 3 have one image, 1 and 4 one spectrum, 5 and 6 one TARGETID; 0 and 2, 1 and 3 lie close."""
    path = make_dataset(
        tmp_path, np.arange(7), np.linspace(0.1, 0.4, 7), [tables.SPLITS[s] for s in SPLIT], crop_px=32
    )
    with h5py.File(tmp_path / "shard-00000.h5", "a") as a, h5py.File(tmp_path / "shard-00001.h5", "a") as b:
        assert len(a["z"]) == 4
        a["image"][3] = a["image"][0]
        b["spectrum"][0] = a["spectrum"][1]
        b["targetid"][2] = 5
    sky = pd.DataFrame({"targetid": np.arange(7), "ra": 10.0 * np.arange(7), "dec": 0.0})
    sky.loc[2, "ra"] = 1e-4
    sky.loc[3, "ra"] = 10 + 5 / 3600
    sky.loc[6, "ra"] = np.nan
    return io.read_manifest(path), sky


def check(dataset, folder, radius=1.0, threads=1):
    manifest, sky = dataset
    return leaks.find_pairs(manifest, sky, SEARCH, radius, threads=threads, folder=folder)


def test_every_kind_is_found_counted_and_listed(dataset, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    found, galaxies = check(dataset, tmp_path)
    ledger = pd.DataFrame({"reason": ["", "duplicate_targetid", "duplicate_targetid", "z_missing"]})
    table = leaks.summarise(found, ledger)
    leaks.report(table)
    listed = leaks.list_pairs(found, galaxies)
    assert list(table.columns) == list(tables.LEAK_COLUMNS)
    assert list(listed.columns) == list(tables.LEAK_PAIR_COLUMNS)
    assert table["kind"].tolist() == list(tables.LEAK_KINDS)
    rows = table.set_index("kind")
    assert rows["pairs"].to_dict() == {
        "same_targetid": 1, "same_position": 2, "identical_image": 1, "identical_spectrum": 1,
        "similar_image": 1, "shared_sky": 1,
    }  # fmt: skip
    assert rows.loc["same_targetid", ["dropped", "galaxies", "outcome"]].tolist() == [2, 2, "left_in"]
    assert rows.loc["shared_sky", "outcome"] == "information"
    by_kind = listed.set_index("kind")
    assert by_kind.loc["identical_image", ["targetid", "other_targetid"]].tolist() == [0, 3]
    assert by_kind.loc["identical_spectrum", ["split", "other_split"]].tolist() == ["train", "test"]
    assert by_kind.loc["same_position", "distance"].tolist() == pytest.approx([0, 0.36], rel=1e-3)
    assert by_kind.loc["shared_sky", "distance"] == pytest.approx(5, rel=1e-3)
    warned = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert len(warned) == 5 and "2 galaxies stand on both sides" in warned[0]
    assert list(tmp_path.glob("tmp*")) == []


def test_what_preprocess_dropped_is_told_from_what_never_was():
    nothing = [leaks.Pairs(kind, 7, *np.zeros((3, 0), int), 0, 0) for kind in tables.LEAK_KINDS]
    table = leaks.summarise(nothing, pd.DataFrame({"reason": ["duplicate_position"]})).set_index("kind")
    assert table["outcome"].tolist() == ["none", "dropped", "none", "none", "none", "information"]
    assert (table["listed"] == 0).all()


def test_places_are_not_compared_at_radius_0(dataset, tmp_path):
    found, _ = check(dataset, tmp_path, radius=0.0)
    table = leaks.summarise(found, pd.DataFrame({"reason": [""]})).set_index("kind")
    assert table.loc["same_position", ["checked", "outcome"]].tolist() == [0, "not_checked"]


def test_result_does_not_depend_on_the_number_of_processes(dataset, tmp_path):
    one, two = (leaks.list_pairs(*check(dataset, tmp_path, threads=n)) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_dataset_without_images_is_checked_by_the_rest(dataset, tmp_path):
    for name in ("shard-00000.h5", "shard-00001.h5"):
        with h5py.File(tmp_path / name, "a") as file:
            file["has_image"][:], file["image"][:] = False, 0
    found, _ = check(dataset, tmp_path)
    counts = {pairs.kind: (pairs.checked, pairs.count) for pairs in found}
    assert counts["identical_image"] == counts["similar_image"] == (0, 0)
    assert counts["same_targetid"] == (7, 1)


def test_rows_are_read_across_shards(dataset):
    rows = io.read_shard_rows(dataset[0], np.array([1, 3, 4, 6]), ["targetid"])
    assert rows["targetid"].tolist() == [1, 3, 4, 5]
