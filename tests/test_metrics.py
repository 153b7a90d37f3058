"""Metrics: values by hand, against scikit-learn, and intervals that cover."""

import numpy as np
import pytest
from scipy.stats import median_abs_deviation
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


def draw_redshifts(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Redshifts, and predictions of which a tenth fails: what makes R2 and its interval hard."""
    draw = rng(seed)
    truth = draw.uniform(0.05, 0.5, n)
    error = np.where(draw.random(n) < 0.1, draw.normal(0, 0.2, n), draw.normal(0.005, 0.02, n))
    return truth, truth + (1 + truth) * error


def test_interval_covers_the_value_of_the_population_68_percent_of_the_time():
    truth, predicted = draw_redshifts(2_000_000, seed=10**6)
    error = (predicted - truth) / (1 + truth)
    population = {
        "r2": r2_score(truth, predicted),
        "bias": np.median(error),
        "outlier_fraction": np.mean(np.abs(error) > metrics.REDSHIFT_OUTLIER),
    }
    hits = dict.fromkeys(population, 0)
    for seed in range(1000):
        found = metrics.summarise(*draw_redshifts(200, seed), relative=True, bootstrap=300, rng=rng(seed))
        for name, value in population.items():
            hits[name] += found[name][1] <= value <= found[name][2]
    assert {name: 0.65 <= n / 1000 <= 0.71 for name, n in hits.items()} == dict.fromkeys(population, True)


def test_nmad_agrees_with_scipy():
    truth, predicted = draw_redshifts(301, seed=1)
    for relative in (True, False):
        error = (predicted - truth) / (1 + truth if relative else 1)
        expected = 1.4826 * median_abs_deviation(error)
        assert summarise(truth, predicted, relative)["nmad"][0] == pytest.approx(expected, abs=1e-12)


def test_perfect_predictions_have_no_interval():
    result = summarise([0.1, 0.2, 0.4], [0.1, 0.2, 0.4])
    assert result["r2"] == pytest.approx((1, 1, 1)) and result["bias"] == (0, 0, 0)


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
