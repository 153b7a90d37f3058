"""Mutual information of clusters and properties: scikit-learn's, with honest intervals."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.metrics.cluster import expected_mutual_information

from galaxypair import tables
from galaxypair.cluster_information import (
    adjusted,
    counts,
    information,
    mutual_information,
    property_table,
    quantile_bins,
    resample,
)
from galaxypair.errors import ConfigError


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("a", "b"), [(3, 10), (1, 4), (4, 1), (7, 7)])
def test_information_is_that_of_scikit_learn(a, b):
    one = rng().integers(0, a, 300)
    two = (one + rng().integers(0, 2, 300)) % b
    table = counts(one, two)
    value = adjusted(table, *mutual_information(table), expected_mutual_information(table, 300))
    assert value == pytest.approx(adjusted_mutual_info_score(one, two), abs=1e-12)


def test_labels_that_do_not_occur_change_nothing():
    one, two = np.array([0, 0, 2, 2]), np.array([5, 5, 1, 5])
    assert counts(one, two).tolist() == [[0, 2], [1, 1]]


def test_bins_are_equally_filled_and_equal_values_stay_together():
    values = rng().normal(size=1000)
    assert np.bincount(quantile_bins(values, 10)).tolist() == [100] * 10
    assert (np.diff(quantile_bins(np.sort(values), 7)) >= 0).all()
    tied = np.array([0.0] * 90 + list(range(1, 11)))
    binned = quantile_bins(tied, 5)
    assert len(np.unique(binned[:90])) == 1
    assert sorted(np.unique(binned)) == list(range(binned.max() + 1))
    assert quantile_bins(np.array([3.0, 3.0, 7.0]), 10).tolist() == [0, 0, 1]


def clustered(n=600, strength=0.7):
    """Clusters that know z, and a second set that knows nothing; some galaxies are noise."""
    draw = rng()
    z = draw.uniform(0, 1, n)
    label = np.where(draw.uniform(size=n) < strength, (4 * z).astype(int), draw.integers(0, 4, n))
    ids = np.arange(n)
    clusters = {
        ("kmeans", "image"): pd.DataFrame({"targetid": ids, "cluster": label}),
        ("dbscan", "image"): pd.DataFrame({"targetid": ids, "cluster": draw.integers(-1, 3, n)}),
    }
    return clusters, pd.DataFrame({"targetid": ids, "z": z}).sample(frac=1, random_state=1)


def measure(clusters, values, bins=8):
    return information(clusters, values, bins=bins, resamplings=100, rng=rng())


def test_table_holds_the_score_of_scikit_learn_with_noise_as_a_cluster():
    clusters, values = clustered()
    table = measure(clusters, values)
    assert tuple(table.columns) == tables.METRIC_COLUMNS
    ordered = values.sort_values("targetid")["z"].to_numpy()
    scores = table[table["metric"] == "ami"].set_index(["protocol", "query"])
    for key, own in clusters.items():
        expected = adjusted_mutual_info_score(own["cluster"], quantile_bins(ordered, 8))
        row = scores.loc[key]
        assert row["value"] == expected
        assert row["low"] < row["value"] < row["high"]
        assert row["n"] == 600
    assert table.equals(measure(clusters, values))


def test_shuffled_properties_have_no_information_and_known_ones_much():
    table = measure(*clustered()).set_index(["protocol", "metric"])
    null = table.loc[("kmeans", "shuffled_ami")]
    assert abs(null["value"]) < 0.003
    assert table.loc[("kmeans", "ami"), "low"] > 10 * null["high"]
    assert abs(table.loc[("dbscan", "ami"), "value"]) < 0.02


def test_interval_of_halves_has_the_width_of_fresh_samples_and_is_centred():
    draws = []
    for seed in range(60):
        draw = np.random.default_rng(seed)
        two = draw.integers(0, 8, 400)
        one = np.where(draw.uniform(size=400) < 0.5, two // 2, draw.integers(0, 4, 400))
        draws.append((one, two))
    values = [adjusted_mutual_info_score(*pair) for pair in draws]
    halves, _ = resample(*draws[0], 300, rng())
    assert np.std(halves) == pytest.approx(np.std(values), rel=0.3)
    assert np.mean(halves) == pytest.approx(values[0], abs=0.3 * np.std(values))


def test_galaxies_without_the_property_are_left_out_and_counted():
    clusters, values = clustered()
    values["z"] = values["z"].where(values["targetid"] >= 100)
    assert set(measure(clusters, values)["n"]) == {500}


def test_constant_or_unknown_properties_are_left_out_and_told(caplog):
    clusters, values = clustered()
    table = measure(clusters, values.assign(one=1.0, none=np.nan))
    assert set(table["target"]) == {"z"}
    assert "fewer than two bins of one" in caplog.text
    assert "fewer than two bins of none" in caplog.text
    assert len(measure(clusters, values[["targetid"]])) == 0


def catalogue():
    split = np.repeat(["train", "test"], [4, 6])
    table = pd.DataFrame({"targetid": np.arange(10), "split": split, "z": 0.1, "mag_g": 20.0})
    return table.assign(mag_r=19.25, log_mstar=[10.0] * 4 + [np.nan] * 6)


def test_properties_are_those_known_of_test_galaxies_derived_ones_too():
    table = property_table(catalogue(), None)
    assert table.columns.tolist() == ["targetid", "z", "g_r"]
    assert table["targetid"].tolist() == [4, 5, 6, 7, 8, 9]
    assert set(table["g_r"]) == {0.75}
    assert property_table(catalogue(), ["mag_g", "z"]).columns.tolist() == ["targetid", "mag_g", "z"]


def test_unknown_properties_are_refused():
    with pytest.raises(ConfigError, match=r"`cluster.properties` names `log_mstar`, of which no test galaxy"):
        property_table(catalogue(), ["z", "log_mstar"])
