import numpy as np
import pytest
import torch
from mock_factories import drawn, library, needs_grids

from galaxypair import observing
from galaxypair.mock import spectra

N = 300


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def columns(rows: np.ndarray) -> dict[str, torch.Tensor]:
    z = torch.from_numpy(rows["z"].astype(np.float32))
    return {"z": z, "bright_sample": torch.from_numpy(rows["bright_sample"])}


def sky(n: int = N) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    return torch.zeros(n, 7781), {
        "z": torch.full((n,), 0.1),
        "bright_sample": torch.zeros(n, dtype=torch.bool),
    }


@needs_grids
@pytest.mark.parametrize("sample", ["main", "bright"])
def test_noise_is_that_of_the_mock_survey(sample):
    rows = drawn(sample)[np.arange(N) % len(drawn(sample))]
    flux = spectra.fibre_spectra(rows, np.full((N, 3), 0.4), library())
    expected = spectra.observe(flux, rows, np.random.default_rng(1)) - flux
    parts = torch.from_numpy(flux), torch.zeros(N, 7781)
    found = observing.observe(*parts, columns(rows), generator()).numpy() - flux

    def spread(noise: np.ndarray) -> np.ndarray:
        """Of single pixels, where calibration hardly counts, by wavelength."""
        return np.median(abs(np.diff(noise)), 0)[: 7780 // 20 * 20].reshape(-1, 20).mean(1)

    assert np.median(spread(found) / spread(expected)) == pytest.approx(1, abs=0.08)
    np.testing.assert_allclose(spread(found), spread(expected), rtol=0.25)


@needs_grids
def test_depths_have_the_shares_of_the_mock_survey():
    rows = np.concatenate([drawn("main"), drawn("bright")])
    rows = rows[np.arange(20_000) % len(rows)]
    expected = np.log10(spectra.noise_level(rows, np.random.default_rng(1)))
    found = observing.noise_level(*columns(rows).values(), generator()).log10().numpy()
    for kind in (rows["bright_sample"], rows["z"] > 0.4, ~rows["bright_sample"] & (rows["z"] < 0.4)):
        quantiles = np.quantile(found[kind], [0.1, 0.3, 0.5, 0.7, 0.9])
        np.testing.assert_allclose(
            quantiles, np.quantile(expected[kind], [0.1, 0.3, 0.5, 0.7, 0.9]), atol=0.05
        )


def test_each_draw_is_another_and_can_be_repeated():
    flux, rows = sky(4)
    first, again, other = (observing.observe(flux, flux, rows, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert (first[0] != first[1]).any()


def test_nothing_is_exactly_zero(monkeypatch):
    flux, rows = sky(2)
    monkeypatch.setattr(observing, "noise_level", lambda z, *_: torch.zeros_like(z))
    assert (observing.observe(flux, flux, rows, generator()) == torch.tensor(observing.NO_ZERO)).all()


def test_sky_lines_leave_correlated_residuals():
    left = observing.sky_residuals(2000, generator())
    at = int(np.argmax(spectra.SKY_EXCESS))
    expected = np.hypot(*(spectra.RESIDUAL_SCALE * spectra.SKY_RESIDUALS[:, at]))
    assert float(left[:, at].std()) == pytest.approx(expected, rel=0.08)
    assert float(left[:, np.argmin(spectra.SKY_EXCESS)].std()) < 0.01


def test_calibration_is_tilted_and_wavy():
    error = observing.calibration_error(4000, generator()).log().numpy()
    tilt = error[:, -1] - error[:, 0]
    wave = np.hypot(1, 1) * spectra.CURVE_SCATTER
    expected = np.sqrt(0.2 * 0.15**2 + 0.8 * 0.05**2 + wave**2)
    assert tilt.std() == pytest.approx(expected, rel=0.08)
    middle = error[:, len(error[0]) // 2]
    assert middle.std() == pytest.approx(spectra.CURVE_SCATTER, rel=0.08)


def test_about_one_cosmic_ray_hits_each_spectrum():
    observed, sigma = torch.zeros(N, 7781), torch.ones(N, 7781)
    observing.add_cosmic_rays(observed, sigma, generator())
    high = (observed > 5).sum()
    assert 0.7 * N < high < 2.2 * N and observed.max() < 110


def test_only_noise_free_light_is_observed():
    batch = {"image": torch.zeros(2, 3, 8, 8)}
    assert observing.with_spectrum(batch, generator()) is batch
    flux, rows = sky(2)
    batch = {"continuum": flux, "lines": flux, **rows}
    with torch.autocast("cpu", torch.bfloat16):
        found = observing.with_spectrum(batch, generator())
    assert found["spectrum"].dtype == torch.float32
    assert torch.equal(found["spectrum"], observing.observe(flux, flux, rows, generator()))
