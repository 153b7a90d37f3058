import numpy as np
import pytest

from galaxypair import tables
from galaxypair.mock import repeats

ROW = np.dtype([("targetid", "i8"), ("repeats", "i8"), ("ra", "f8"), ("dec", "f8")])


def place(ra: float, dec: float) -> np.void:
    return np.array([(1, -1, ra, dec)], ROW)[0]


def test_every_repeat_finds_its_first_row():
    rows = np.array([(9, -1, 0, 0), (5, 9, 0, 0), (3, -1, 0, 0), (3, 3, 0, 0), (3, 3, 0, 0)], ROW)
    again, first = repeats.first_rows(rows)
    assert again.tolist() == [1, 3, 4]
    assert first.tolist() == [0, 2, 2]


def test_survey_without_repeats_has_none():
    again, first = repeats.first_rows(np.array([(9, -1, 0, 0)], ROW))
    assert len(again) == len(first) == 0


@pytest.mark.parametrize(("ra", "dec", "offset"), [(1, 0, (0.5, 0)), (0, 1, (0, -1)), (0, 0, (0, 0))])
def test_sky_moves_west_when_the_place_moves_east(ra, dec, offset):
    step = tables.PIXEL_SCALE_ARCSEC / 3600
    assert repeats.offset_px(place(20 + ra * step, 60 + dec * step), place(20, 60)) == pytest.approx(
        offset, abs=1e-4
    )


def noise() -> np.ndarray:
    return np.random.default_rng(1).normal(1, 0.1, (30, 30, 3)).astype("f4")


def test_image_that_does_not_move_stays_the_same_to_the_last_bit():
    assert np.array_equal(repeats.cut_again(noise(), (0, 0)), noise())


def test_whole_pixels_are_rolled():
    moved = repeats.cut_again(noise(), (1, -1))
    assert moved.dtype == np.float32
    assert moved[1:, :-1] == pytest.approx(noise()[:-1, 1:], abs=1e-5)


def test_half_a_pixel_keeps_the_sky_level_and_is_no_new_noise():
    moved = repeats.cut_again(noise(), (0.5, 0))[5:-5, 5:-5]
    between = (noise()[4:-6, 5:-5] + noise()[5:-5, 5:-5]) / 2
    assert moved.mean() == pytest.approx(noise()[5:-5, 5:-5].mean(), rel=0.01)
    assert np.corrcoef(moved.ravel(), between.ravel())[0, 1] > 0.9


def test_pixels_never_become_those_without_data():
    assert (repeats.cut_again(np.zeros((30, 30, 3), "f4"), (0.5, 0)) != 0).all()
