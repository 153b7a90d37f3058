import numpy as np
from own_files import make_planes

from galaxypair import tables
from galaxypair.ingest.rgb import OFFSET, SOFTENING, unstretch


def stretch(planes: np.ndarray) -> np.ndarray:
    """The viewer's own stretch, written down independently: (3, h, w) g, r, z to (h, w, 3) z, r, g."""
    parts = [np.maximum(0, planes[i] * tables.DISPLAY_SCALES[i] + OFFSET) for i in range(3)]
    intensity = sum(parts) / 3
    factor = (
        np.arcsinh(SOFTENING * intensity) / np.sqrt(SOFTENING) / np.where(intensity == 0, 1e-6, intensity)
    )
    return np.stack(
        [np.clip((planes[i] * tables.DISPLAY_SCALES[i] + OFFSET) * factor, 0, 1) for i in (2, 1, 0)],
        axis=-1,
    )


def test_unstretch_inverts_the_stretch_where_nothing_is_clipped():
    planes = make_planes(64, 8) * 40
    shown = stretch(planes)
    assert shown.max() < 0.99
    assert np.allclose(unstretch(shown), planes, atol=1e-9)


def test_unstretch_of_eight_bits_is_good_to_three_percent_of_the_total():
    planes = make_planes(96, 8) * 60 + np.random.default_rng(0).normal(0, 0.004, (3, 96, 96))
    eight = np.rint(stretch(planes) * 255) / 255
    assert np.allclose(unstretch(eight).sum((1, 2)), planes.sum((1, 2)), rtol=0.03)


def test_core_clipped_in_one_band_is_restored_from_its_colour():
    colour = np.array([0.2, 0.8, 1.4])[:, None, None]  # an early type: red is clipped first
    planes = make_planes(64, 8) * 400 * colour
    shown = stretch(planes)
    core = (slice(None), slice(28, 36), slice(28, 36))
    assert (shown[core[1:]].min((0, 1))[:2] == 1).all() and shown[..., 2].max() < 0.5
    mistaken = np.sinh(np.sqrt(SOFTENING) * shown.mean(-1)) / SOFTENING  # clipping ignored
    intensity = (planes * np.array(tables.DISPLAY_SCALES)[:, None, None] + OFFSET).mean(0)
    assert mistaken[core[1:]].max() < 0.5 * intensity[core[1:]].max()
    assert np.allclose(unstretch(shown)[core], planes[core], rtol=0.3)


def test_black_white_and_primary_colours_give_finite_fluxes():
    corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, 1, 8).transpose(1, 2, 0)
    assert np.isfinite(unstretch(np.repeat(corners, 8, axis=0))).all()
    assert np.isfinite(unstretch(np.ones((8, 8, 3)))).all()
