import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from galaxypair import baselines, tables


def make_baselines(ids, noise=0.05, names=("photometry_knn_grz",), target="z", seed=1):
    rng = np.random.default_rng(seed)
    truth = np.asarray(ids) / 100
    frames = [
        pd.DataFrame({"baseline": name, "targetid": ids, "target": target, "y_true": truth,
                      "y_pred": truth + noise * rng.normal(size=len(ids))})
        for name in names
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def make_zero_shot(ids, pairs=(("image", "image"),), target="z", noise=0.1):
    truth = np.asarray(ids) / 100
    error = noise * np.random.default_rng(2).normal(size=len(ids))
    parts = [
        pd.DataFrame({"targetid": ids, "reference": r, "query": q, "target": target, "y_true": truth,
                      "y_pred": truth + error})
        for r, q in pairs
    ]  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    return table.astype({name: "category" for name in ("reference", "query", "target")})


def compare(own, zero_shot, seed=1):
    return baselines.compare([own], zero_shot, bootstrap=50, rng=np.random.default_rng(seed))


def test_all_are_measured_on_their_common_galaxies_whatever_their_order(caplog):
    caplog.set_level(logging.INFO, "galaxypair")
    own, zero_shot = make_baselines(np.arange(10, 60)[::-1]), make_zero_shot(np.arange(30, 90))
    found = compare(own, zero_shot)
    assert list(found.columns) == list(tables.METRIC_COLUMNS)
    assert set(found["n"]) == {30}
    assert "z: 30 test galaxies have all 2 predictions, of at most 60" in caplog.text
    for table, protocol in ((own, "photometry_knn_grz"), (zero_shot, "train_to_test_common")):
        common = table[table["targetid"].between(30, 59)]
        row = found[(found["protocol"] == protocol) & (found["metric"] == "r2")].iloc[0]
        assert row["value"] == pytest.approx(r2_score(common["y_true"], common["y_pred"]))
        assert row["low"] < row["value"] < row["high"]


def test_rows_say_what_a_baseline_reads():
    names = ["photometry_mlp_grzw1", "resnet18_supervised", "conv_attention_supervised"]
    found = compare(
        make_baselines(np.arange(20), names=names), make_zero_shot(np.arange(20), [("image", "spectrum")])
    )
    heads = found[["protocol", "reference", "query"]].drop_duplicates().to_numpy().tolist()
    assert heads == [
        ["photometry_mlp_grzw1", "photometry", "photometry"],
        ["resnet18_supervised", "image", "image"],
        ["conv_attention_supervised", "spectrum", "spectrum"],
        ["train_to_test_common", "image", "spectrum"],
    ]
    assert (
        found.groupby("protocol", sort=False)["metric"].unique().map(list).tolist()
        == [["r2", "nmad", "bias", "outlier_fraction"]] * 4
    )


def test_errors_of_redshifts_are_relative_and_of_others_not():
    ids = np.arange(50)
    value = {}
    for target in ("z", "log_mstar"):
        found = compare(make_baselines(ids, target=target), make_zero_shot(ids, target=target))
        value[target] = found.set_index(["protocol", "metric"])["value"]["photometry_knn_grz", "nmad"]
    assert value["z"] < value["log_mstar"]


def test_property_of_the_baselines_alone_has_galaxies_of_its_own():
    own = pd.concat([make_baselines(np.arange(30)), make_baselines(np.arange(12), target="log_mstar")])
    found = compare(own, make_zero_shot(np.arange(20)))
    assert found.groupby("target")["n"].unique().map(list).to_dict() == {"z": [20], "log_mstar": [12]}
    assert "train_to_test_common" not in set(found.loc[found["target"] == "log_mstar", "protocol"])


def test_same_seed_gives_the_same_table():
    own, zero_shot = make_baselines(np.arange(40)), make_zero_shot(np.arange(40))
    pd.testing.assert_frame_equal(compare(own, zero_shot), compare(own, zero_shot))
    assert not compare(own, zero_shot).equals(compare(own, zero_shot, seed=2))


def test_nothing_in_common_is_undefined():
    found = compare(make_baselines(np.arange(20)), make_zero_shot(np.arange(20, 40)))
    assert set(found["n"]) == {0}
    assert found["value"].isna().all()


def test_without_baselines_the_table_is_empty_and_it_is_said(caplog):
    empty = make_baselines([])
    found = compare(empty, make_zero_shot(np.arange(20)))
    assert len(found) == 0
    assert list(found.columns) == list(tables.METRIC_COLUMNS)
    assert "No baseline has predictions" in caplog.text


def test_catalogue_without_magnitudes_leaves_the_networks():
    empty = pd.DataFrame(columns=tables.BASELINE_COLUMNS)  # as photometry writes it
    network = make_baselines(np.arange(20), names=["resnet18_supervised"])
    arguments = {"bootstrap": 20, "rng": np.random.default_rng(1)}
    found = baselines.compare([empty, network], make_zero_shot(np.arange(20)), **arguments)
    assert list(found["protocol"].unique()) == ["resnet18_supervised", "train_to_test_common"]
    assert set(found["n"]) == {20}
