import numpy as np
import pytest
from mock_factories import drawn, library, needs_grids

from galaxypair.mock import spectra

pytestmark = needs_grids


def test_fibre_spectra_scale_with_the_fibre_and_redden_with_the_milky_way():
    some = drawn("main")[:8].copy()
    some["ebv"] = 0
    full = spectra.fibre_spectra(some, np.ones((8, 3)), library())
    half = spectra.fibre_spectra(some, np.full((8, 3), 0.5), library())
    np.testing.assert_allclose(half, 0.5 * full, rtol=1e-5)
    some["ebv"] = 0.1
    dimmed = spectra.fibre_spectra(some, np.ones((8, 3)), library()) / full
    at_r = np.searchsorted(spectra.WAVELENGTH, 6420)
    np.testing.assert_allclose(dimmed[:, at_r], 10 ** (-0.4 * 0.2165), rtol=1e-3)
    assert (dimmed[:, 500] < dimmed[:, -500]).all()


def test_emission_lines_fall_on_the_redshifted_wavelength():
    star_forming = drawn("bright")
    star_forming = star_forming[~star_forming["quiescent"] & (star_forming["z"] < 0.15)][:10]
    flux = spectra.fibre_spectra(star_forming, np.ones((10, 3)), library())
    for z, row in zip(star_forming["z"], flux, strict=True):
        near = abs(spectra.WAVELENGTH - 6564.6 * (1 + z)) < 12
        assert spectra.WAVELENGTH[near][row[near].argmax()] == pytest.approx(6564.6 * (1 + z), abs=1.2)


def test_emission_line_keeps_its_flux():
    one = drawn("bright")[~drawn("bright")["quiescent"]][:1].copy()
    flux = spectra._lines(one, library())
    inside = abs(library().line_wavelength * (1 + one["z"]) - 6700) < 3000
    expected = spectra.line_luminosity(one, library())[0, inside].sum()
    expected *= spectra.dilution(one["z"])[0] / spectra.FLUX_UNIT
    assert flux.sum() * spectra.STEP == pytest.approx(expected, rel=0.02)


def test_bright_sample_reaches_the_signal_to_noise_of_nearby_surveys():
    rng = np.random.default_rng(1)
    medians = {}
    for name, share in (("main", 0.4), ("bright", 0.15)):
        some = drawn(name)[:200]
        flux = spectra.fibre_spectra(some, np.full((len(some), 3), share), library())
        noise = spectra.observe(flux, some, rng) - flux
        medians[name] = np.median(flux / (1.4826 * np.median(abs(noise), 1, keepdims=True)), 1)
    assert 1 < np.median(medians["main"]) < 4
    assert np.median(medians["bright"]) > 3 * np.median(medians["main"])
    assert (medians["bright"] > 15).mean() > 0.2


def test_observe_is_finite_and_never_exactly_zero():
    some = drawn("main")[:16]
    observed = spectra.observe(np.zeros((16, 7781), np.float32), some, np.random.default_rng(1))
    assert np.isfinite(observed).all()
    assert (observed != 0).all()
    assert observed.dtype == np.float32


def test_observe_is_unbiased():
    some = np.repeat(drawn("main")[:1], 400)
    flux = np.full((400, 7781), 5, np.float32)
    mean = np.median(spectra.observe(flux, some, np.random.default_rng(1)), 0)
    assert np.abs(mean[1000:5000] / 5 - 1).mean() < 0.05


def test_pixels_that_come_out_as_zero_are_told_from_missing_ones(monkeypatch):
    monkeypatch.setattr(spectra, "noise_level", lambda galaxies, _: np.zeros(len(galaxies), np.float32))
    observed = spectra.observe(np.zeros((2, 7781), np.float32), drawn("main")[:2], np.random.default_rng(1))
    assert (observed != 0).all()
