"""Scores of distributions, against closed forms and numerical integrals."""

import numpy as np
import pytest
from scipy.stats import gamma, norm

from galaxypair.posterior_scores import covered, crps, levels

Y = np.array([-3.0, -1.0, 0.0, 0.2, 2.5])


def test_crps_of_a_normal_distribution_is_its_closed_form_to_1e_3():
    quantiles = np.repeat(norm.ppf(levels(200))[:, None], len(Y), axis=1)
    closed = Y * (2 * norm.cdf(Y) - 1) + 2 * norm.pdf(Y) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(crps(quantiles, Y), closed, atol=1e-3)


def test_crps_of_samples_is_the_formula_of_samples():
    samples = np.sort(np.random.default_rng(1).gamma(2.0, size=300))
    pairs = np.abs(samples[:, None] - samples).mean() / 2
    expected = np.abs(samples[:, None] - Y).mean(axis=0) - pairs
    np.testing.assert_allclose(crps(np.repeat(samples[:, None], len(Y), axis=1), Y), expected, atol=1e-12)


def test_crps_of_a_skewed_distribution_is_the_integral_over_its_distribution_function():
    x = np.linspace(-5, 60, 400_001)
    below = gamma.cdf(x, 2.0)
    integrals = [np.trapezoid((below - (x >= y)) ** 2, x) for y in Y]
    quantiles = np.repeat(gamma.ppf(levels(1000), 2.0)[:, None], len(Y), axis=1)
    np.testing.assert_allclose(crps(quantiles, Y), integrals, atol=1e-3)


def test_crps_of_a_certain_value_is_the_absolute_error():
    np.testing.assert_allclose(crps(np.ones((10, len(Y))), Y), np.abs(Y - 1))


def test_crps_of_the_truth_is_the_lowest():
    y = np.random.default_rng(1).normal(size=20_000)
    scores = [
        crps(np.broadcast_to(width * norm.ppf(levels(100))[:, None] + shift, (100, len(y))), y).mean()
        for width, shift in ((1, 0), (0.6, 0), (1.6, 0), (1, 0.5))
    ]
    assert np.argmin(scores) == 0
    assert scores[0] == pytest.approx(1 / np.sqrt(np.pi), abs=0.01)


def test_covered_counts_central_intervals():
    pit = np.array([0.01, 0.16, 0.17, 0.5, 0.83, 0.99])
    np.testing.assert_array_equal(covered(pit, 0.68), [False, True, True, True, True, False])
    assert covered(np.random.default_rng(1).uniform(size=100_000), 0.68).mean() == pytest.approx(
        0.68, abs=0.01
    )
