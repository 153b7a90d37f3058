"""The two compact encoders: what is built into them."""

import math

import pytest
import torch

from galaxypair import redshift_bins, spectra, tables
from galaxypair.encoders.compact import STRIDE, CompactImageEncoder, CompactSpectrumEncoder


@pytest.fixture(scope="module")
def encoder() -> CompactSpectrumEncoder:
    torch.manual_seed(0)
    return CompactSpectrumEncoder(width=8).eval()


def test_a_redshift_moves_the_scores_and_nothing_else(encoder):
    generator = torch.Generator().manual_seed(1)
    found = torch.zeros(1, 4, spectra.N_LOG_BINS // STRIDE)
    found[..., 300:500] = torch.randn(1, 4, 200, generator=generator)
    shifted = found.roll(37, 2)
    known = torch.ones(1, 1, found.shape[2])
    with torch.no_grad():
        at_rest, moved = (encoder._correlate(x, known) for x in (found, shifted))
    torch.testing.assert_close(moved[..., 37:], at_rest[..., :-37], rtol=1e-4, atol=1e-5)


def test_a_step_of_the_scores_is_a_bin_of_the_redshift():
    assert STRIDE * spectra.LOG_STEP == redshift_bins.STEP


def test_line_lands_in_the_logarithmic_bin_of_its_wavelength():
    channels = torch.zeros(1, 1, spectra.N_BINS)
    for wavelength in (3700.0, 5000.0, 9700.0):
        channels[:] = 0
        channels[0, 0, int((wavelength - tables.WAVELENGTH_MIN) / 1.6)] = 1
        out = spectra.log_bins(channels)[0, 0]
        centre = (out * torch.arange(spectra.N_LOG_BINS)).sum() / out.sum() + 0.5
        assert tables.WAVELENGTH_MIN * math.exp(centre * spectra.LOG_STEP) == pytest.approx(wavelength, abs=2)


def test_averages_stay_averages_in_logarithmic_bins():
    out = spectra.log_bins(torch.full((1, 1, spectra.N_BINS), 2.5))
    torch.testing.assert_close(out[..., 1:-1], torch.full_like(out[..., 1:-1], 2.5))


def test_spectrum_without_data_gives_finite_numbers(encoder):
    with torch.no_grad():
        reading = encoder.read(*encoder.prepare(torch.zeros(2, tables.N_WAVELENGTH)))
    assert all(torch.isfinite(part).all() for part in reading)
    assert reading.logits.shape == (2, redshift_bins.N_CLASSES)


def test_apertures_hold_the_flux_of_their_discs():
    encoder = CompactImageEncoder(crop_px=96, width=4)
    raw = torch.zeros(1, 3, 112, 112)
    raw[0, 1, 56, 56], raw[0, 1, 56, 56 + 12] = 3.0, 5.0
    _, fluxes = encoder.prepare(raw)
    in_r = torch.sinh(2 * fluxes.view(3, 6)[1]) / 2
    torch.testing.assert_close(in_r, torch.tensor([3.0, 3, 3, 8, 8, 8]))


@pytest.mark.parametrize("crop_px", [32, 96])
def test_image_is_read_on_the_bins_of_the_redshift(crop_px):
    encoder = CompactImageEncoder(crop_px=crop_px, width=4).eval()
    with torch.no_grad():
        reading = encoder.read(*encoder.prepare(torch.rand(2, 3, 112, 112)))
    assert reading.logits.shape == (2, redshift_bins.N_CLASSES)
    assert reading.features.shape == (2, encoder.n_features)


def test_readout_counts_as_trained_once_it_is_calibrated_and_until_it_is_forgotten(encoder):
    assert not encoder.reads
    encoder.temperature.fill_(1.2)
    assert encoder.reads
    encoder.forget()
    assert not encoder.reads
