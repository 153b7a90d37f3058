import numpy as np
import pytest

from galaxypair import rgb


def test_stretch_matches_the_published_formula_for_one_pixel():
    g, r, z = 0.01, 0.02, 0.03
    scaled = np.array([z * 2.2, r * 3.4, g * 6.0]) + 0.03
    intensity = scaled.mean()
    expected = scaled * np.arcsinh(20 * intensity) / np.sqrt(20) / intensity
    assert rgb.to_rgb(np.array([g, r, z])) == pytest.approx(np.clip(expected, 0, 1), abs=1e-4)


def test_red_galaxies_come_out_red_and_blue_ones_blue():
    red, blue = rgb.to_rgb(np.array([[0.001, 0.01, 0.05], [0.05, 0.01, 0.001]]))
    assert red[0] > red[2]
    assert blue[2] > blue[0]


def test_values_that_are_not_finite_do_not_spread():
    image = np.full((2, 2, 3), 0.01, np.float32)
    image[0, 0] = np.nan
    out = rgb.to_rgb(image)
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out[1, 1], rgb.to_rgb(image[1, 1]))


@pytest.mark.parametrize("level", [-1e3, 0.0, 1e6])
def test_colours_stay_between_0_and_1(level):
    out = rgb.to_rgb(np.full((3, 3, 3), level))
    assert out.min() >= 0
    assert out.max() <= 1


def test_upright_makes_y_the_rows():
    image = np.zeros((5, 5, 3))
    image[4, 1] = 1  # x = 4, y = 1
    assert rgb.upright(image)[1, 4].all()
