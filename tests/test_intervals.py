"""Conformal intervals: parity by hand, no label of a galaxy in its own interval, coverage, and the figure."""

import factories_detail
import numpy as np
import pandas as pd
import pytest
from test_figures_tables import check_sizes, texts

from galaxypair import interval_scores, intervals, tables, zeroshot, zeroshot_bins
from galaxypair.errors import DataError
from galaxypair.figures import intervals as figure
from galaxypair.protocols import OWN, Protocol

LEVELS = (0.68, 0.9)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    return factories_detail.make_splits(tmp_path_factory.mktemp("survey"), n=300, noise=0.3)


def evaluate(survey, targets=("z", "log_mstar"), folds=3, levels=LEVELS, k=8):
    return intervals.evaluate(
        survey, survey["properties"], targets=targets, k=k, levels=levels, folds=folds, bootstrap=20,
        rng=np.random.default_rng(0),
    )  # fmt: skip


@pytest.fixture(scope="module")
def result(survey):
    return evaluate(survey)


def made(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.1, 1, n)
    predicted = rng.normal(size=n)
    return pd.DataFrame(
        {"y_true": predicted + spread * rng.normal(size=n), "y_pred": predicted, "spread": spread}
    )


def test_interval_is_the_quantile_of_normalised_residuals_times_the_spread():
    calibration, asked = made(99, 1), made(20, 2)
    ends = intervals.conformal(calibration, asked, LEVELS)
    scores = np.sort(np.abs(calibration["y_true"] - calibration["y_pred"]) / calibration["spread"])
    for j, level in enumerate(LEVELS):
        q = scores[int(np.ceil(100 * level)) - 1]
        np.testing.assert_allclose(ends[:, 0, j], asked["y_pred"] - q * asked["spread"])
        np.testing.assert_allclose(ends[:, 1, j], asked["y_pred"] + q * asked["spread"])


def test_coverage_of_new_galaxies_is_nominal_whatever_the_unit_of_the_spread():
    calibration, asked = made(4000, 1), made(4000, 2)
    for scale in (1, 0.01):
        own = (part.assign(spread=scale * part["spread"]) for part in (calibration, asked))
        ends = intervals.conformal(*own, LEVELS)
        for j, level in enumerate(LEVELS):
            inside = asked["y_true"].between(ends[:, 0, j], ends[:, 1, j]).mean()
            assert inside == pytest.approx(level, abs=4 * np.sqrt(2 * level * (1 - level) / 4000))


def test_predictions_are_those_of_the_protocol(survey, result):
    expected = zeroshot.evaluate(
        survey, survey["properties"], protocol=Protocol(OWN, 8), targets=None, bootstrap=10,
        rng=np.random.default_rng(0),
    ).predictions  # fmt: skip
    key = ["targetid", "reference", "query", "target"]
    one = result[0][result[0]["level"] == 0.9]
    joined = one.merge(expected.astype(dict.fromkeys(key[1:], str)), on=key)
    assert len(joined) == len(one) == len(expected)
    np.testing.assert_allclose(joined["y_pred_x"], joined["y_pred_y"], rtol=1e-9)
    np.testing.assert_allclose(joined["y_true_x"], joined["y_true_y"])


def test_own_label_does_not_move_the_interval_but_those_of_others_do(survey, result):
    own = survey["test"].targetid[7]
    properties = survey["properties"].copy()
    properties.loc[properties["targetid"] == own, "z"] = 7.5
    moved, _ = evaluate({**survey, "properties": properties}, targets=("z",))
    before = result[0].query("target == 'z'").reset_index(drop=True)
    mine = (before["targetid"] == own).to_numpy()
    assert mine.sum() == 5 * 2
    np.testing.assert_array_equal(moved.loc[mine, ["low", "high"]], before.loc[mine, ["low", "high"]])
    assert (moved.loc[mine, "y_true"] == 7.5).all()
    assert (moved.loc[~mine, "high"] != before.loc[~mine, "high"]).any()


def test_one_fold_uses_no_test_label(survey):
    properties = survey["properties"].copy()
    tested = properties["targetid"].isin(survey["test"].targetid)
    properties.loc[tested, "z"] += 3
    before, after = (
        evaluate({**survey, "properties": p}, targets=("z",), folds=1)[0]
        for p in (survey["properties"], properties)
    )
    np.testing.assert_array_equal(before[["low", "high"]], after[["low", "high"]])


def test_intervals_of_a_higher_level_hold_those_of_a_lower(result):
    table, scores = result
    assert tuple(table.columns) == tables.INTERVAL_COLUMNS
    low, high = (table[table["level"] == level].reset_index(drop=True) for level in LEVELS)
    assert (low["targetid"] == high["targetid"]).all()
    assert (high["low"] < low["low"]).all() and (high["high"] > low["high"]).all()
    assert not table.duplicated(["targetid", "reference", "query", "target", "level"]).any()
    assert tuple(scores.columns) == tables.METRIC_COLUMNS
    assert set(scores["protocol"]) == {intervals.CROSS, intervals.VAL}
    names = {f"{name}@{level:g}" for name in ("coverage", "median_width") for level in LEVELS}
    assert set(scores["metric"]) == names


def test_coverage_is_near_nominal_and_counts_the_galaxies(result):
    table, scores = result
    own = scores.query("protocol == 'conformal_cross' and metric == 'coverage@0.9'")
    assert own["value"].between(0.85, 0.95).all()
    row = own.query("reference == 'image' and query == 'both' or reference == 'both'").iloc[0]
    part = table.query(f"level == 0.9 and reference == 'both' and target == '{row['target']}'")
    assert row["value"] == pytest.approx(part["y_true"].between(part["low"], part["high"]).mean())
    assert row["n"] == len(part)


def test_intervals_are_wide_where_neighbours_disagree():
    rng = np.random.default_rng(1)
    references = np.concatenate([rng.normal(0, 0.1, (200, 2)), rng.normal(5, 0.1, (200, 2))])
    labels = np.concatenate([rng.normal(0, 0.01, 200), rng.normal(0, 1, 200)])[:, None]
    mean, spread = intervals.neighbourhoods(references, labels, np.array([[0.0, 0], [5, 5]] * 20), 16)
    assert spread.shape == mean.shape == (40, 1)
    assert (spread[1::2] > 1.5 * spread[::2]).all()


def test_spread_of_neighbours_that_agree_by_chance_is_not_zero():
    references = np.arange(20.0)[:, None]
    labels = np.repeat([0.0, 1.0, 0.0, 1.0, 2.0], 4)[:, None]
    _, spread = intervals.neighbourhoods(references, labels, np.array([[1.4], [3.6], [7.5], [11.6]]), 4)
    assert (spread > 0).all()
    _, constant = intervals.neighbourhoods(references, np.ones((20, 1)), np.array([[1.4]]), 4)
    assert constant.tolist() == [[1.0]]


def test_properties_of_too_few_galaxies_are_left_out_and_nothing_at_all_is_said(survey, caplog):
    properties = survey["properties"].copy()
    few = properties["targetid"].isin(np.concatenate([survey["train"].targetid, survey["val"].targetid[:3]]))
    properties["log_mstar"] = properties["log_mstar"].where(few)
    table, _ = evaluate({**survey, "properties": properties})
    assert set(table["target"]) == {"z"}
    properties["z"] = properties["z"].where(few)
    table, scores = evaluate({**survey, "properties": properties})
    assert len(table) == len(scores) == 0
    assert "no intervals" in caplog.text
    bins = interval_scores.summarise_bins(
        table, np.empty(0), bins=4, min_galaxies=10, bootstrap=20, rng=np.random.default_rng(0)
    )
    assert "No property is known for enough galaxies" in texts(figure.panels(scores, bins))


def test_few_calibration_galaxies_are_said(survey, caplog):
    properties = survey["properties"].copy()
    some = np.concatenate([survey["train"].targetid, survey["test"].targetid[:6]])
    properties["log_mstar"] = (properties["z"] * 1.0).where(properties["targetid"].isin(some))
    table, _ = evaluate({**survey, "properties": properties})
    assert set(table["target"]) == {"z"}
    assert "log_mstar: 3 galaxies to calibrate on, fewer than 11; left out" in caplog.text


def test_galaxy_in_two_splits_is_refused(survey):
    with pytest.raises(DataError, match="among both the val and the test split"):
        evaluate({**survey, "val": survey["test"]})


def binned(survey, table, min_galaxies=10):
    z = zeroshot_bins.property_values(table, "z", survey["properties"], [])
    return interval_scores.summarise_bins(
        table, z, bins=4, min_galaxies=min_galaxies, bootstrap=20, rng=np.random.default_rng(0)
    )


def test_bins_of_redshift_and_width_tell_coverage_where_it_may_fail(survey, result):
    table = binned(survey, result[0])
    assert tuple(table.columns) == tables.BIN_COLUMNS
    metrics = table.groupby("property")["metric"].unique().map(set).to_dict()
    assert metrics == {
        "z": {f"{name}@{level:g}" for name in ("coverage", "median_width") for level in LEVELS},
        "interval_width": {f"{name}@{level:g}" for name in ("coverage", "error") for level in LEVELS},
    }
    own = table.query("property == 'interval_width' and metric == 'error@0.68' and target == 'z'")
    assert (own["value"] > 0).all() and own["bin_median"].nunique() > 4


@pytest.mark.parametrize(("levels", "min_galaxies"), [(LEVELS, 10), ((0.5,), 1000)])
def test_figure(survey, levels, min_galaxies):
    table, scores = evaluate(survey, targets=("z", "log_mstar"), levels=levels)
    drawn = figure.panels(scores, binned(survey, table, min_galaxies))
    check_sizes(drawn)


def test_figure_of_a_survey_without_redshifts_and_of_64_galaxies(tmp_path):
    small = factories_detail.make_splits(tmp_path, n=64)
    table, scores = evaluate(small, targets=("log_mstar", "mag_r"))
    check_sizes(figure.panels(scores, binned(small, table)))
