import galsim
import numpy as np
import pytest

from galaxypair.mock import profiles
from galaxypair.tables import PIXEL_SCALE_ARCSEC

PSF = (96, 3.0, 5.0)  # side, beta, FWHM in pixels


def drawn_by_galsim(profile: galsim.GSObject) -> np.ndarray:
    """Profile with the same blur, by GalSim; our stamps are centred on pixel n // 2."""
    blur = galsim.Moffat(PSF[1], fwhm=PSF[2] * PIXEL_SCALE_ARCSEC)
    image = galsim.Convolve(profile, blur).drawImage(
        nx=96, ny=96, scale=PIXEL_SCALE_ARCSEC, method="no_pixel", use_true_center=False
    )
    return image.array


@pytest.mark.parametrize("index", profiles.SERSIC_INDICES)
def test_sersic_agrees_with_galsim_within_one_percent_of_its_peak(index):
    ours = profiles.sersic(96, index, 4.0, 0.6, 0.5) * profiles.moffat(*PSF)
    reference = galsim.Sersic(index, half_light_radius=4 * PIXEL_SCALE_ARCSEC)
    reference = drawn_by_galsim(reference.shear(q=0.6, beta=0.5 * galsim.radians))
    assert np.abs(profiles.to_stamp(ours, 96) - reference).max() < 0.01 * reference.max()


def test_exponential_agrees_with_galsim_within_one_percent_of_its_peak():
    ours = profiles.exponential(96, 6.0, 0.4, 2.0) * profiles.moffat(*PSF)
    reference = galsim.Exponential(half_light_radius=6 * PIXEL_SCALE_ARCSEC)
    reference = drawn_by_galsim(reference.shear(q=0.4, beta=2.0 * galsim.radians))
    assert np.abs(profiles.to_stamp(ours, 96) - reference).max() < 0.01 * reference.max()


def test_half_of_a_gaussian_lies_inside_its_half_light_radius():
    inside = (profiles.gaussian(96, 8.0, 1, 0) * profiles.disc_mask(96, 8.0)).sum()
    assert inside == pytest.approx(0.5, abs=0.01)


def test_from_stamp_inverts_to_stamp():
    half_plane = profiles.exponential(64, 3.0, 0.5, 0.0)
    np.testing.assert_allclose(profiles.from_stamp(profiles.to_stamp(half_plane, 64)), half_plane, atol=1e-5)


def test_reach_of_an_exponential_is_where_it_meets_the_threshold():
    reach = profiles.reach_px(1, 5.0, 100.0, 1e-3)
    scale = 5.0 / 1.67835
    assert 100 / (2 * np.pi * scale**2) * np.exp(-reach / scale) == pytest.approx(1e-3, rel=0.05)


def test_reach_is_zero_for_what_is_too_faint():
    assert profiles.reach_px(4, 5.0, 1e-9, 1.0) == 0
