import numpy as np
from mock_factories import drawn, library, needs_grids

from galaxypair.mock import galaxies, light

pytestmark = needs_grids


def magnitudes(sample: np.ndarray) -> np.ndarray:
    return 22.5 - 2.5 * np.log10(sample["flux"])


def test_main_sample_has_the_depth_of_the_bright_galaxy_survey():
    main = drawn("main")
    assert 0.18 < np.median(main["z"]) < 0.30
    assert 0.25 < main["quiescent"].mean() < 0.45
    bright = magnitudes(main)[:, 1] < 19.5
    assert 0.14 < np.median(main["z"][bright]) < 0.25


def test_quiescent_galaxies_are_redder_and_heavier_for_their_light():
    main = drawn("main")
    near, quiescent = main["z"] < 0.15, main["quiescent"]
    magnitude = magnitudes(main)
    colour = magnitude[:, 0] - magnitude[:, 1]
    assert 0.85 < np.median(colour[near & quiescent]) < 1.1
    assert 0.4 < np.median(colour[near & ~quiescent]) < 0.75
    distance = 5 * np.log10(light.luminosity_distance_mpc(main["z"]) * 1e5)
    mass_to_light = main["log_mstar"] + 0.4 * (magnitude[:, 1] - distance - 4.65)
    assert 0.25 < np.median(mass_to_light[near & quiescent]) < 0.6
    assert -0.15 < np.median(mass_to_light[near & ~quiescent]) < 0.3


def test_bright_sample_is_nearby_bright_and_large():
    bright, main = drawn("bright"), drawn("main")
    assert magnitudes(bright)[:, 1].max() < 17.8
    assert bright["z"].max() < 0.2
    assert (bright["z"] < 0.05).mean() > 0.2
    assert bright["bright_sample"].all()
    assert np.median(bright["half_light_radius"]) > 2 * np.median(main["half_light_radius"])


def test_formed_mass_exceeds_surviving_mass():
    main = drawn("main")
    lost = main["log_m_formed"] - main["log_mstar"]
    assert 0.05 < lost.min()
    assert lost.max() < 0.4


def test_parameters_are_finite_and_fractions_sum_to_one():
    for name in ("main", "bright"):
        sample = drawn(name)
        np.testing.assert_allclose(sample["age_fraction"].sum(1), 1, rtol=1e-5)
        for column in galaxies.GALAXY_DTYPE.names:
            assert np.isfinite(sample[column]).all(), column


def test_same_seed_same_galaxies():
    first, second = (
        galaxies.draw_galaxies(galaxies.MAIN, 64, library(), np.random.default_rng(3)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
