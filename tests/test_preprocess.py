import json

import h5py
import numpy as np
import pandas as pd
import pytest
from factories import make_joint

from galaxypair import io, places, preprocess, quality, splits, tables
from galaxypair import ledger as accounts
from galaxypair.errors import DataError

CUTS = quality.Cuts(
    shard_rows=5,
    crop_px=64,
    core_px=96,
    dtype="float32",
    max_bad_pixel_fraction=0.05,
    max_bad_wavelength_fraction=0.5,
    z_min=0.0,
    z_max=0.8,
    require_z=True,
    require_modalities="both",
    match_radius_arcsec=1.0,
)
EITHER = quality.Cuts(**{**vars(CUTS), "require_modalities": "either", "require_z": False})
SPLIT = {"train_fraction": 0.8, "val_fraction": 0.2}


def spoiled_joint(path):
    """One spoiled row for each reason; the other rows are good."""
    make_joint(path, n_per_group=10, groups=2)
    with h5py.File(path, "r+") as file:
        a, b = file["0"], file["1"]
        a["images"][0, 70, 70, 1] = np.nan
        a["spectra"][1, 5] = np.inf
        a["spectra"][2] = 0
        a["redshifts"][3] = 1.2
        a["redshifts"][4] = np.nan
        a["images"][5, :, 80:, 2] = 0
        a["spectra"][6, :6000] = 0
        a["images"][7], a["spectra"][8] = np.nan, np.nan
        b["targetids"][0] = a["targetids"][9]
        b["spectra"][1] *= -1
        b["images"][2] *= -1
    return path


EXPECTED = [
    "image_not_finite",
    "spectrum_not_finite",
    "spectrum_all_zero",
    "z_out_of_range",
    "z_missing",
    "image_bad_pixels",
    "spectrum_bad_pixels",
    "image_absent",
    "spectrum_absent",
    "",
    "duplicate_targetid",
    "spectrum_negative",
    "image_negative",
]


def build(tmp_path, cuts=CUTS, places=None):
    joint = spoiled_joint(tmp_path / "joint.h5")
    return preprocess.build_dataset(joint, tmp_path / "dataset", cuts, SPLIT, places or {})


def test_every_spoiled_row_gets_its_reason(tmp_path):
    ledger, _ = build(tmp_path)
    assert ledger["reason"].tolist()[:13] == EXPECTED
    assert (ledger["reason"][13:] == "").all()
    assert set(ledger["reason"]) <= {"", *tables.REASONS}


def test_rows_in_are_rows_kept_plus_rows_in_the_ledger(tmp_path):
    ledger, manifest = build(tmp_path)
    assert len(ledger) == 20
    assert ledger["kept"].sum() + (ledger["reason"] != "").sum() == 20
    assert (
        sum(s["rows"] for s in manifest["shards"]) == ledger["kept"].sum() == sum(manifest["splits"].values())
    )


def test_shards_hold_the_kept_galaxies_in_order_with_their_own_data(tmp_path):
    ledger, manifest = build(tmp_path)
    io.write_text(json.dumps(manifest), tmp_path / "dataset" / "manifest.json")
    read = io.read_manifest(tmp_path / "dataset" / "manifest.json")
    batches = list(io.iter_shards(read, ["targetid", "image", "spectrum", "split"]))
    targetid = np.concatenate([b["targetid"] for b in batches])
    kept = ledger[ledger["kept"]]
    assert targetid.tolist() == kept["targetid"].tolist()
    assert [s["rows"] for s in manifest["shards"]] == kept["shard"].value_counts(sort=False).tolist()
    with h5py.File(tmp_path / "joint.h5") as file:
        row = kept.iloc[3]
        original = file[row["group"]]["images"][row["index"]]
    image = np.concatenate([b["image"] for b in batches])[3]
    np.testing.assert_array_equal(image, original[44:108, 44:108])


def test_values_that_would_overflow_in_the_encoders_are_not_finite():
    images = np.ones((2, 152, 152, 3), np.float32)
    spectra = np.ones((2, 7781), np.float32)
    images[1, 76, 76, 0], spectra[1, 5] = 1e30, -1e30
    assert quality.image_reasons(images, CUTS).tolist() == ["", "image_not_finite"]
    assert quality.spectrum_reasons(spectra, CUTS).tolist() == ["", "spectrum_not_finite"]


def test_noise_around_zero_is_not_negative_flux():
    noise = np.random.default_rng(3).normal(0, 1, (300, 7781)).astype(np.float32)
    noise[:, :3000] *= 10  # as in the blue
    found = quality.significance(noise, noise != 0)
    assert abs(found).max() < 5
    assert quality.significance(np.zeros((1, 9), np.float32), np.zeros((1, 9), bool)) == 0


def test_significance_is_the_mean_over_its_error():
    flux = np.random.default_rng(4).normal(-0.3, 3, (20, 10_000)).astype(np.float32)
    assert quality.significance(flux, flux != 0).mean() == pytest.approx(-10, abs=0.7)


def test_limits_themselves_are_kept():
    z = np.array([-1e-6, 0.0, 0.8, 0.81], np.float32)
    at_limit = quality.Cuts(**{**vars(CUTS), "z_max": float(z[2])})
    assert (quality.redshift_reasons(z, at_limit) == "").tolist() == [False, True, True, False]
    spectra = np.ones((2, 7780), np.float32)
    spectra[0, :3890], spectra[1, :3891] = 0, 0
    assert quality.spectrum_reasons(spectra, CUTS).tolist() == ["", "spectrum_bad_pixels"]


def test_galaxies_that_never_reached_the_joint_file_are_marked_as_such(tmp_path):
    catalogue = pd.DataFrame({"targetid": [1, 2], "z": 0.1, "kept": [True, False]})
    catalogue = catalogue.assign(reason=["", "file_missing"], detail="")
    ledger, _ = build(tmp_path)
    joined = accounts.finish_ledger([ledger, accounts.rejected_rows(catalogue)])
    assert joined.dtypes.equals(ledger.dtypes)
    assert joined.iloc[-1][["row", "group", "index", "targetid", "shard"]].tolist() == [20, "", -1, 2, -1]
    kept = int(joined["kept"].sum())
    assert accounts.balance(joined).startswith(f"21 in = {kept} kept + {21 - kept} in ledger: ")


def test_either_keeps_a_galaxy_by_its_good_modality_and_says_what_was_left_out(tmp_path):
    ledger, _ = build(tmp_path, EITHER)
    assert ledger.loc[[0, 7], "has_image"].tolist() == [False, False]
    assert ledger.loc[[0, 7], "kept"].all()
    assert ledger.loc[0, "detail"] == "left out: image_not_finite"
    assert ledger.loc[2, "detail"] == "left out: spectrum_all_zero"
    assert ledger.loc[4, "kept"]  # no redshift, none required
    with h5py.File(tmp_path / "dataset" / tables.SHARD_NAME.format(0)) as shard:
        assert not shard["image"][0].any() and shard["spectrum"][0].any()
        assert not shard["spectrum"][2].any() and shard["image"][2].any()


def test_two_targets_at_one_place_are_one_galaxy(tmp_path):
    ledger, _ = build(tmp_path, places={1009: 7, 1015: 7})
    assert ledger.loc[ledger["targetid"] == 1015, "reason"].tolist() == ["duplicate_position"]


def test_no_galaxy_left_is_an_error_that_says_why(tmp_path):
    joint = make_joint(tmp_path / "joint.h5", n_per_group=3, groups=1)
    with h5py.File(joint, "r+") as file:
        file["0"]["redshifts"][:] = 5
    with pytest.raises(DataError, match=r"none of 3 galaxies passed the cuts .*3 z_out_of_range"):
        preprocess.build_dataset(joint, tmp_path / "dataset", CUTS, SPLIT, {})


def test_a_second_run_leaves_no_shards_of_the_first(tmp_path):
    build(tmp_path)
    joint = make_joint(tmp_path / "small.h5", n_per_group=3, groups=1)
    _, manifest = preprocess.build_dataset(joint, tmp_path / "dataset", CUTS, SPLIT, {})
    assert sorted(p.name for p in (tmp_path / "dataset").glob("shard-*")) == [
        s["name"] for s in manifest["shards"]
    ]


# --- parts: any number of processes, interrupted at any time -----------------------------------------


def contents(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.glob("shard-*.h5"))}


def test_the_number_of_processes_does_not_change_the_result(tmp_path):
    joint = spoiled_joint(tmp_path / "joint.h5")
    made = [preprocess.build_dataset(joint, tmp_path / str(n), CUTS, SPLIT, {}, processes=n) for n in (1, 2)]
    pd.testing.assert_frame_equal(made[0][0], made[1][0])
    assert made[0][1] == made[1][1]
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_an_interrupted_run_keeps_finished_shards_and_ends_like_an_undisturbed_one(tmp_path, monkeypatch):
    joint = spoiled_joint(tmp_path / "joint.h5")
    ledger, manifest = preprocess.build_dataset(joint, tmp_path / "whole", CUTS, SPLIT, {})
    write, written = io.write_arrays, []

    def killed(path, arrays):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, arrays)

    monkeypatch.setattr(io, "write_arrays", killed)
    with pytest.raises(KeyboardInterrupt):
        preprocess.build_dataset(joint, tmp_path / "cut", CUTS, SPLIT, {})
    monkeypatch.setattr(
        io, "write_arrays", lambda path, arrays: (written.append(path.name), write(path, arrays))
    )
    resumed = preprocess.build_dataset(joint, tmp_path / "cut", CUTS, SPLIT, {})
    pd.testing.assert_frame_equal(resumed[0], ledger)
    assert resumed[1] == manifest
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert len(written) == len(set(written)) == len(manifest["shards"])


@pytest.mark.parametrize("change", ["cuts", "split", "code", "joint", "shard", "voucher"])
def test_a_shard_of_other_settings_or_data_is_made_again(tmp_path, monkeypatch, change):
    joint, code = spoiled_joint(tmp_path / "joint.h5"), tmp_path / "code.py"
    code.write_text("a = 1")
    preprocess.build_dataset(joint, tmp_path / "d", CUTS, SPLIT, {}, code=[code])
    cuts, split = CUTS, SPLIT
    if change == "cuts":
        cuts = quality.Cuts(**{**vars(CUTS), "z_max": 0.7})
    elif change == "split":
        split = {**SPLIT, "train_fraction": 0.5}
    elif change == "code":
        code.write_text("a = 2")
    elif change == "joint":
        with h5py.File(joint, "r+") as file:
            file["0"]["images"][9, 76, 76] = 5
    elif change == "shard":
        (tmp_path / "d" / "shard-00001.h5").write_bytes(b"half")
    else:
        (tmp_path / "d" / preprocess.PARTS / "00001.json").write_text("{")
    preprocess.build_dataset(joint, tmp_path / "d", cuts, split, {}, code=[code])
    preprocess.build_dataset(joint, tmp_path / "anew", cuts, split, {}, code=[code])
    assert contents(tmp_path / "d") == contents(tmp_path / "anew")


def test_which_of_two_repeats_is_kept_depends_on_the_first_being_usable(tmp_path):
    joint = make_joint(tmp_path / "joint.h5", n_per_group=6, groups=2)
    with h5py.File(joint, "r+") as file:
        a, b = file["0"], file["1"]
        a["targetids"][1] = a["targetids"][0]
        a["spectra"][0] = 0  # unusable: the second is kept
        b["targetids"][3] = a["targetids"][5]  # across groups: the first is kept
    ledger, _ = preprocess.build_dataset(joint, tmp_path / "d", CUTS, SPLIT, {})
    assert ledger["reason"].tolist() == ["spectrum_all_zero", *8 * [""], "duplicate_targetid", "", ""]


@pytest.mark.parametrize(("chunk_rows", "step", "read"), [(None, 5, 5), (2, 4, 4), (5, 5, 5), (8, 5, 5)])
def test_parts_follow_the_chunks_of_the_file(tmp_path, chunk_rows, step, read):
    joint = make_joint(tmp_path / "joint.h5", n_per_group=12, groups=1)
    whole, _ = preprocess.build_dataset(joint, tmp_path / "whole", CUTS, SPLIT, {})
    if chunk_rows:
        with h5py.File(joint, "r+") as file:
            values = file["0/images"][:]
            del file["0/images"]
            chunks = (chunk_rows, 38, 38, 3)
            file.create_dataset("0/images", data=values, chunks=chunks, compression="gzip")
    (first, *others) = preprocess.plan(joint, {"0": 12}, CUTS, {}, "")
    assert (first.stop, first.read_rows, others[-1].stop) == (step, read, 12)
    ledger, _ = preprocess.build_dataset(joint, tmp_path / "d", CUTS, SPLIT, {})
    pd.testing.assert_frame_equal(ledger.drop(columns="shard"), whole.drop(columns="shard"))


def test_half_precision_halves_the_shards_and_is_read_as_float32(tmp_path):
    joint = make_joint(tmp_path / "joint.h5", n_per_group=4, groups=1)
    with h5py.File(joint, "r+") as file:
        file["0/spectra"][1, 7] = 7e4  # more than float16 holds
    half = quality.Cuts(**{**vars(CUTS), "dtype": "float16"})
    ledger, manifest = preprocess.build_dataset(joint, tmp_path / "d", half, SPLIT, {})
    assert ledger["reason"].tolist() == ["", "spectrum_not_finite", "", ""]
    io.write_text(json.dumps(manifest), tmp_path / "d" / "manifest.json")
    (batch,) = io.iter_shards(io.read_manifest(tmp_path / "d" / "manifest.json"), ["image", "spectrum"])
    with h5py.File(tmp_path / "d" / "shard-00000.h5") as shard, h5py.File(joint) as file:
        assert shard["image"].dtype == shard["spectrum"].dtype == np.float16
        exact = file["0/images"][[0, 2, 3], 44:108, 44:108]
    assert batch["image"].dtype == batch["spectrum"].dtype == np.float32
    np.testing.assert_allclose(batch["image"], exact, rtol=1e-3, atol=1e-6)


def test_split_is_the_published_one_by_row_and_validation_comes_from_train():
    index = np.arange(1000)
    split = splits.assign(index, 1000, 39627000000000000 + index, train_fraction=0.8, val_fraction=0.1)
    assert (split[800:] == 2).all() and (split[:800] != 2).all()
    assert 50 < (split == 1).sum() < 110


def test_hash_fraction_is_even_and_fixed():
    values = splits.hash_fraction(np.arange(20_000))
    counts, _ = np.histogram(values, 10, (0, 1))
    assert (abs(counts - 2000) < 200).all()
    assert splits.hash_fraction(np.array([0]))[0] == pytest.approx(0xE220A8397B1DCDAF / 2**64, abs=1e-15)


def test_position_groups_join_chains_and_ignore_unknown_places():
    targetid = np.array([1, 2, 3, 4, 5])
    ra = np.array([10, 10 + 0.8 / 3600, 10 + 1.6 / 3600, 11, np.nan])
    groups = places.position_groups(targetid, ra, np.zeros(5), 1.0)
    assert set(groups) == {1, 2, 3}
    assert len(set(groups.values())) == 1


def test_position_groups_of_two_and_none_at_radius_0():
    targetid, place = np.array([8, 9]), np.array([10.0, 10.0])
    groups = places.position_groups(targetid, place, np.zeros(2), 1.0)
    assert set(groups) == {8, 9} and groups[8] == groups[9]
    assert places.position_groups(targetid, place, np.zeros(2), 0.0) == {}
