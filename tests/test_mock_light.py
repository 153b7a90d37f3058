import numpy as np
import pytest
from mock_factories import drawn, library, needs_grids
from speclite.filters import load_filter

from galaxypair.mock import galaxies, light, spectra
from galaxypair.mock.library import AGE_EDGES_GYR

pytestmark = needs_grids


def constant_star_formation(rate: float) -> np.ndarray:
    """One dust-free galaxy of solar metallicity that formed `rate` M_sun / yr all its life."""
    galaxy = np.zeros(1, galaxies.GALAXY_DTYPE)
    galaxy["z"] = 0.1
    galaxy["age_fraction"] = np.diff(AGE_EDGES_GYR) / AGE_EDGES_GYR[-1]
    galaxy["log_m_formed"] = np.log10(rate * AGE_EDGES_GYR[-1] * 1e9)
    galaxy["log_u"] = -3
    return galaxy


def test_h_alpha_follows_star_formation_rate_within_a_tenth_dex():
    """Kennicutt (1998) for a Kroupa IMF: log L(H-alpha) = log SFR + 41.27."""
    for rate in (1, 10):
        lines = light.line_luminosity(constant_star_formation(rate), library())[0]
        h_alpha = lines[np.argmin(abs(library().line_wavelength - 6564.6))] * light.L_SUN
        assert np.log10(h_alpha / rate) == pytest.approx(41.27, abs=0.1)


@pytest.mark.parametrize("band", [0, 1])
def test_photometry_agrees_with_speclite_within_3_millimag(band):
    some = drawn("main")[:20].copy()
    some["ebv"] = 0
    flux = spectra.fibre_spectra(some, np.ones((len(some), 3)), library())
    curve = load_filter(light.FILTERS[band])
    padded, wavelength = curve.pad_spectrum(flux.astype(float) * spectra.FLUX_UNIT, spectra.WAVELENGTH)
    reference = 1e9 * curve.get_ab_maggies(padded, wavelength)
    difference = 2.5 * np.log10(np.asarray(reference) / some["flux"][:, band])
    assert np.abs(difference).max() < 0.003


def test_metallicity_weights_sum_to_one_and_hold_the_ends():
    weights = light.metallicity_weights(np.array([-5.0, -0.2, 3.0]))
    np.testing.assert_allclose(weights.sum(1), 1)
    assert weights[0, 0] == 1
    assert weights[2, -1] == 1


def test_dust_dims_and_reddens():
    clean = constant_star_formation(1)
    dusty = clean.copy()
    dusty["tau_ism"] = 1
    g, r = 2.5 * np.log10(light.photometry(clean, library()) / light.photometry(dusty, library()))[0, :2]
    assert g > r > 0.5


def test_calzetti_is_one_at_5500():
    assert light.calzetti(np.array([5500.0]))[0] == pytest.approx(1, abs=1e-3)


def test_luminosity_distance_follows_hubble_at_small_redshift():
    assert light.luminosity_distance_mpc(np.array([0.01]))[0] == pytest.approx(44.6, rel=0.01)
