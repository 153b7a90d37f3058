"""Metrics: values by hand, against scikit-learn, and intervals that cover."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from galaxypair import metrics


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def summarise(y_true, y_pred, relative=False, bootstrap=50):
    return metrics.summarise(
        np.asarray(y_true), np.asarray(y_pred), relative=relative, bootstrap=bootstrap, rng=rng()
    )


def test_r2_agrees_with_scikit_learn():
    truth = rng(1).normal(size=300)
    predicted = truth + rng(2).normal(0, 0.5, 300)
    assert summarise(truth, predicted)["r2"][0] == pytest.approx(r2_score(truth, predicted), abs=1e-12)


def test_relative_errors_by_hand():
    # d = 0, 0.02, -0.01, 0.1, 0.03 -> median 0.02, |d - 0.02| = 0.02, 0, 0.03, 0.08, 0.01
    z = np.array([0.0, 1.0, 0.0, 1.0, 0.0])
    predicted = z + np.array([0.0, 0.04, -0.01, 0.2, 0.03])
    result = summarise(z, predicted, relative=True)
    assert result["bias"][0] == pytest.approx(0.02)
    assert result["nmad"][0] == pytest.approx(1.4826 * 0.02)
    assert result["outlier_fraction"][0] == pytest.approx(0.2)


def test_outliers_of_other_targets_are_counted_in_their_own_scatter():
    truth = np.zeros(1000)
    predicted = rng(3).normal(0, 0.1, 1000)
    predicted[:20] = 5.0
    result = summarise(truth, predicted)
    assert result["outlier_fraction"][0] == pytest.approx(0.02)
    assert result["nmad"][0] == pytest.approx(0.1, rel=0.1)


def test_errors_scale_with_the_unit():
    truth, predicted = rng(4).normal(size=(2, 100))
    once, tenfold = summarise(truth, predicted), summarise(10 * truth, 10 * predicted)
    assert tenfold["nmad"] == pytest.approx(10 * np.array(once["nmad"]))
    assert tenfold["r2"] == pytest.approx(np.array(once["r2"]))


def test_interval_covers_the_truth_about_68_percent_of_the_time():
    hits = 0
    for seed in range(200):
        error = rng(seed).normal(0, 1, 100)
        low, high = metrics.summarise(np.zeros(100), error, relative=False, bootstrap=200, rng=rng(seed + 1))[
            "bias"
        ][1:]
        hits += low <= 0 <= high
    assert 0.58 <= hits / 200 <= 0.80


def test_same_generator_gives_same_interval_in_any_blocks(monkeypatch):
    truth, predicted = rng(5).normal(size=(2, 40))
    whole = summarise(truth, predicted)
    monkeypatch.setattr(metrics, "BLOCK_VALUES", 100)
    assert summarise(truth, predicted) == whole


def test_no_galaxies_give_nan():
    assert all(np.isnan(value).all() for value in summarise([], []).values())


def test_r2_of_a_constant_truth_is_nan():
    assert np.isnan(summarise([0.1] * 7, np.arange(7.0))["r2"]).all()


def test_interval_skips_resamplings_without_spread():
    value, low, high = summarise([1.0, 2.0], [1.0, 2.1])["r2"]
    assert low == high == value == pytest.approx(0.98)


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [([1.0, np.nan], [1.0, 2.0], "must be finite"), ([1.0], [1.0, 2.0], "equally long")],
)
def test_unusable_values_are_refused(truth, predicted, message):
    with pytest.raises(ValueError, match=message):
        summarise(truth, predicted)
