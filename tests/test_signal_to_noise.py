"""Signal-to-noise of spectra from their fluxes: known noise is found, lines and gaps do not move it."""

import numpy as np
import pytest

from galaxypair import signal_to_noise


def spectra(snr: float, n: int = 20, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    slope = np.linspace(0.5, 1.5, 7781)
    return (slope + rng.normal(0, 1 / snr, (n, 7781))).astype("f4")


@pytest.mark.parametrize("snr", [0.5, 3, 40])
def test_known_noise_is_found_whatever_the_unit(snr):
    flux = spectra(snr)
    assert signal_to_noise.der_snr(flux) == pytest.approx(snr, rel=0.1)
    assert signal_to_noise.der_snr(1e-3 * flux) == pytest.approx(signal_to_noise.der_snr(flux), rel=1e-4)


def test_lines_and_missing_wavelengths_hardly_move_it():
    flux = spectra(5)
    spoiled = flux.copy()
    spoiled[:, 3000:3010] += 50  # an emission line
    spoiled[:, 5000:6000] = 0  # no data
    assert signal_to_noise.der_snr(spoiled) == pytest.approx(signal_to_noise.der_snr(flux), rel=0.15)


def test_spectrum_without_data_or_without_noise_has_none():
    flux = np.stack([np.zeros(7781), np.ones(7781), spectra(5, n=1)[0]])
    assert np.isfinite(signal_to_noise.der_snr(flux)).tolist() == [False, False, True]


def test_galaxies_without_spectrum_are_counted_not_scored(caplog):
    caplog.set_level("INFO")
    flux = spectra(5, n=4)
    has = np.array([True, False, True, True])
    flux[1] = 0
    batches = [
        {"targetid": np.arange(4)[rows], "spectrum": flux[rows], "has_spectrum": has[rows]}
        for rows in (slice(0, 3), slice(3, 4))
    ]
    found = signal_to_noise.of_batches(batches)
    assert found["targetid"].tolist() == [0, 2, 3]
    assert found["spectrum_snr"].gt(4).all()
    assert "4 galaxies in = 3 with a spectrum + 1 without" in caplog.text
    assert len(signal_to_noise.of_batches([])) == 0
