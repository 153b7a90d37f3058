import numpy as np

from galaxypair.scaling import Scaling


def test_scaling_and_back():
    values = np.random.default_rng(1).normal(5, 3, (50, 2))
    values[:, 1] = 7.0  # does not vary
    scaling = Scaling.of(values)
    scaled = scaling.apply(values)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 0], atol=1e-12)
    np.testing.assert_allclose(scaling.undo(scaled), values, atol=1e-12)


def test_single_column_and_rounding_are_no_spread():
    assert Scaling.of(np.array([1.0, 3.0])).scale == 1.0
    assert Scaling.of(np.full(9, 0.1) + 1e-17).scale == 1.0
