import numpy as np
import pytest
from mock_factories import bank, drawn, needs_grids

from galaxypair.mock import images, morphology

pytestmark = needs_grids


@pytest.fixture
def quiet(monkeypatch):
    """No neighbours, no noise."""
    monkeypatch.setattr(images, "add_neighbours", lambda *_: None)
    monkeypatch.setattr(images, "add_noise", lambda image, _: image)


def small(n: int) -> np.ndarray:
    main = drawn("main")
    return main[(main["half_light_radius"] < 1.5)][:n]


def test_image_holds_the_flux_of_the_catalogue(quiet):
    for galaxy in small(10):
        image, _ = images.render(galaxy, bank(), np.random.default_rng(1))
        expected = galaxy["flux"][:3] * 10 ** (-0.4 * galaxy["ebv"] * images.EXTINCTION[:3])
        np.testing.assert_allclose(image.sum((0, 1)), expected, rtol=0.06)


def test_galaxy_sits_in_the_middle(quiet):
    for galaxy in small(5):
        image, _ = images.render(galaxy, bank(), np.random.default_rng(2))
        at = np.unravel_index(image[..., 1].argmax(), image.shape[:2])
        assert np.abs(np.array(at) - 76).max() <= 1


def test_fibre_fraction_is_one_for_a_point_and_small_for_large_galaxies(quiet):
    point = small(1).copy()
    point["half_light_radius"], point["quiescent"], point["bulge_fraction"] = 0.25, False, 0
    _, fraction = images.render(point[0], bank(), np.random.default_rng(1))
    assert (fraction > 0.85).all()
    _, fraction = images.render(
        drawn("bright")[drawn("bright")["half_light_radius"].argmax()], bank(), np.random.default_rng(1)
    )
    assert (fraction < 0.1).all()


def test_fibre_magnitudes_of_the_main_sample_are_about_one_fainter():
    fractions = [
        images.render(g, bank(), np.random.default_rng(i))[1][1] for i, g in enumerate(drawn("main")[:60])
    ]
    assert 0.6 < np.median(-2.5 * np.log10(fractions)) < 1.2


def test_image_is_finite_and_never_exactly_zero():
    for sample in ("main", "bright"):
        for i, galaxy in enumerate(drawn(sample)[:5]):
            image, fraction = images.render(galaxy, bank(), np.random.default_rng(i))
            assert image.shape == (152, 152, 3)
            assert image.dtype == np.float32
            assert np.isfinite(image).all()
            assert np.isfinite(fraction).all()
            assert (image != 0).all()


def test_background_noise_is_that_of_the_survey():
    corners = []
    for i, galaxy in enumerate(small(20)):
        image, _ = images.render(galaxy, bank(), np.random.default_rng(i))
        corners.append(np.median(np.abs(image - np.median(image, (0, 1))), (0, 1)) * 1.4826)
    expected = [location + scale for _, location, scale in images.PIXEL_NOISE]
    np.testing.assert_allclose(np.median(corners, 0), expected, rtol=0.3)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (151, 151), (-50, 76), (76, 200), (300, 300), (-300, 0)])
def test_paste_cuts_stamps_at_the_edges(x, y):
    image, stamp = np.zeros((152, 152, 3), np.float32), np.ones((64, 64, 3), np.float32)
    images.paste(image, stamp, x, y)
    inside = [np.clip(np.array([c - 32, c + 32]), 0, 152) for c in (x, y)]
    assert image.sum() == 3 * np.prod([high - low for low, high in inside])


@pytest.mark.parametrize("axis_ratio", [0.15, 0.8])
def test_structured_disc_has_unit_flux_in_each_band(axis_ratio):
    for seed in range(6):
        disc = morphology.structured_disc(96, 8.0, axis_ratio, 0.3, np.random.default_rng(seed))
        np.testing.assert_allclose(disc[:, 0, 0].real, 1, atol=1e-3)


def test_arms_are_bluer_than_the_disc():
    disc = morphology.structured_disc(96, 8.0, 0.8, 0.3, np.random.default_rng(1))
    power = (np.abs(disc[:, 3:12, 3:12]) ** 2).sum((1, 2))
    assert power[0] > power[2]


def test_pixels_that_come_out_as_zero_are_told_from_missing_ones(monkeypatch):
    monkeypatch.setattr(images, "PIXEL_NOISE", ((0.1, 0, 0),) * 3)
    image = images.add_noise(np.zeros((152, 152, 3), np.float32), np.random.default_rng(1))
    assert (image != 0).all()
