import numpy as np
import pytest

from galaxypair.mock import junk


def test_every_kind_occurs_and_the_number_is_as_asked():
    kinds = junk.draw_kinds(1000, 0.024, np.random.default_rng(1))
    assert np.bincount(kinds).tolist() == [976, 5, 5, 7, 7]


def test_no_junk_asked_no_junk_given():
    assert not junk.draw_kinds(50, 0.0, np.random.default_rng(1)).any()


def test_failed_redshifts_lie_outside_the_survey():
    z = junk.failed_redshifts(200, np.random.default_rng(1))
    assert ((z < 0) | (z > 0.8)).all()


def test_missing_band_is_exactly_zero_in_one_band():
    image = np.ones((152, 152, 3), np.float32)
    junk.spoil_image(image, junk.MISSING_BAND, np.random.default_rng(1))
    assert np.count_nonzero((image == 0).any((0, 1))) == 1


def test_saturated_star_outshines_everything():
    image = np.zeros((152, 152, 3), np.float32)
    junk.spoil_image(image, junk.SATURATED_STAR, np.random.default_rng(1))
    assert image.max() > 30
    assert (image >= 4).all((1, 2)).sum() == 4


@pytest.mark.parametrize("kind", [0, junk.DEAD_SPECTRUM, junk.FAILED_REDSHIFT])
def test_spectrum_junk_leaves_the_image_alone(kind):
    image = np.ones((152, 152, 3), np.float32)
    junk.spoil_image(image, kind, np.random.default_rng(1))
    assert (image == 1).all()
