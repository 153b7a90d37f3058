"""Cross-match: one row per kept galaxy, the field's cuts, and losses that add up."""

import logging

import numpy as np
import pandas as pd
import pytest

from galaxypair.crossmatch import crossmatch, matched_rows
from galaxypair.errors import DataError


def make_ledger(targetid, split="test", kept=True) -> pd.DataFrame:
    n = len(targetid)
    return pd.DataFrame(
        {"targetid": targetid, "split": split, "z": np.full(n, 0.1, "f4"), "kept": np.full(n, kept)}
    )


def make_catalogue(targetid, **columns) -> pd.DataFrame:
    n = len(targetid)
    values = {"z_hp": 0.1, "mag_g": 18.0, "mag_r": 17.0, "mag_z": 16.0, "log_mstar": 10.0, **columns}
    return pd.DataFrame({"targetid": targetid, **{k: np.broadcast_to(v, n) for k, v in values.items()}})


def test_one_row_per_kept_galaxy_in_the_order_of_the_ledger():
    ledger = make_ledger([5, 3, 9, 7])
    ledger.loc[1, "kept"] = False
    properties, _ = crossmatch(ledger, make_catalogue([7, 3, 5, 100], log_mstar=[7.0, 3, 5, 1]))
    assert properties["targetid"].tolist() == [5, 9, 7]
    assert properties["matched"].tolist() == [True, False, True]
    np.testing.assert_array_equal(properties["log_mstar"], [5, np.nan, 7])


def test_permuted_catalogue_gives_the_same_properties():
    ledger, catalogue = make_ledger(np.arange(30)), make_catalogue(np.arange(10, 40), mag_r=np.arange(30.0))
    expected = crossmatch(ledger, catalogue)
    permuted = crossmatch(ledger, catalogue.sample(frac=1, random_state=1))
    for one, other in zip(expected, permuted, strict=True):
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("column", ["log_mstar", "mag_g", "mag_r", "mag_z"])
@pytest.mark.parametrize("bad", [-999.0, 0.0, np.nan])
def test_failed_fit_or_magnitude_is_no_match_and_leaves_no_value(column, bad):
    catalogue = make_catalogue([1, 2], **{column: [bad, 12.0]}, my_index=[1.0, 2.0])
    properties, losses = crossmatch(make_ledger([1, 2]), catalogue)
    assert properties["matched"].tolist() == [False, True]
    assert properties.loc[0, ["log_mstar", "mag_r", "my_index"]].isna().all()
    assert properties.loc[1, "my_index"] == 2
    assert losses.query("split == 'all' and n_lost > 0")["step"].tolist() == [f"{column}_not_positive"]


def test_losses_balance_in_each_split_and_in_total():
    rng = np.random.default_rng(0)
    ledger = make_ledger(np.arange(300), split=rng.choice(["train", "val", "test"], 300))
    catalogue = make_catalogue(
        np.arange(100, 400), log_mstar=rng.choice([-999, 10], 300), mag_g=rng.choice([0, 18], 300)
    )
    properties, losses = crossmatch(ledger, catalogue)
    assert (losses["n_in"] - losses["n_lost"] == losses["n_out"]).all()
    for split in ("train", "val", "test", "all"):
        here = losses[losses["split"] == split]
        rows = properties if split == "all" else properties[properties["split"] == split]
        assert here["n_in"].tolist()[1:] == here["n_out"].tolist()[:-1]
        assert here["n_in"].iloc[0] == len(rows)
        assert here["n_out"].iloc[-1] == rows["matched"].sum()


def test_of_repeated_targetids_the_good_row_counts_and_they_are_counted():
    catalogue = make_catalogue([1, 1, 1, 2], log_mstar=[-999, 10, 11, 9])
    properties, losses = crossmatch(make_ledger([1, 2]), catalogue)
    assert properties["log_mstar"].tolist() == [10, 9]
    repeats = losses.query("split == 'catalogue'")
    assert repeats[["step", "n_in", "n_lost", "n_out"]].to_numpy().tolist() == [
        ["duplicate_targetid", 4, 2, 2]
    ]


def test_absent_columns_skip_their_cut_and_say_so(caplog):
    caplog.set_level(logging.INFO)
    catalogue = pd.DataFrame({"targetid": [1], "my_index": [3]})
    properties, losses = crossmatch(make_ledger([1]), catalogue)
    assert properties["matched"].all()
    assert set(losses["step"]) == {"duplicate_targetid", "not_in_catalogue"}
    assert "no column mag_g: its cut is skipped" in caplog.text


def test_large_targetids_are_matched_exactly():
    ids = np.array([39627000000000001, 39627000000000002])  # equal as float64
    properties, _ = crossmatch(make_ledger(ids), make_catalogue(ids[1:]))
    assert properties["matched"].tolist() == [False, True]


def test_foreign_catalogue_warns(caplog):
    crossmatch(make_ledger([1]), make_catalogue([2]))
    assert "No galaxy has a match" in caplog.text


def test_differing_redshifts_warn(caplog):
    crossmatch(make_ledger([1, 2]), make_catalogue([1, 2], z_hp=[0.1, 0.5]))
    assert "1 matched galaxies differ in redshift" in caplog.text


def test_empty_catalogue_keeps_every_galaxy():
    properties, losses = crossmatch(make_ledger([1, 2]), make_catalogue([]))
    assert len(properties) == 2
    assert not properties["matched"].any()
    assert losses.query("split == 'all'")["n_out"].iloc[-1] == 0


def test_row_of_the_catalogue_is_that_of_the_properties():
    catalogue = make_catalogue([4, 1, 1, 2, 1], log_mstar=[8, -999, 10, 9, 11], my_row=np.arange(5))
    properties, _ = crossmatch(make_ledger([2, 7, 1]), catalogue)
    rows = matched_rows(properties, catalogue)
    assert rows.tolist() == properties.loc[properties["matched"], "my_row"].tolist() == [3, 2]


def test_catalogue_that_has_changed_since_is_named():
    properties, _ = crossmatch(make_ledger([1, 2]), make_catalogue([1, 2]))
    with pytest.raises(DataError, match="1 matched galaxies are not in the property catalogue"):
        matched_rows(properties, make_catalogue([1, 3]))


def test_rows_of_no_matches():
    properties, _ = crossmatch(make_ledger([1]), make_catalogue([]))
    assert matched_rows(properties, make_catalogue([])).shape == (0,)
