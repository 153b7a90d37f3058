import math

import pytest
import torch

from galaxypair import redshift_bins as bins


def peaks(*weighted: tuple[float, float], other: float = 0.0, scatter: float = 3.0) -> torch.Tensor:
    """Logits of one galaxy: peaks at redshifts, each with a weight, and the weight of what is no galaxy."""
    place = torch.arange(bins.N_BINS)
    p = torch.full((bins.N_CLASSES,), 1e-12)
    for z, weight in weighted:
        shape = torch.exp(-0.5 * ((place - bins.position(torch.tensor(z))) / scatter) ** 2)
        p[: bins.OTHER] += weight * shape / shape.sum()
    p[bins.OTHER] += other
    return p.log()[None]


def test_bins_reach_from_rest_to_the_largest_redshift():
    z = torch.tensor([0.0, bins.Z_MAX])
    assert bins.position(z)[0] == 0
    assert bins.N_BINS - 1 <= bins.position(z)[1] < bins.N_BINS
    assert bins.STEP * 299792 == pytest.approx(294, abs=1)  # km/s, as the docstring says


@pytest.mark.parametrize("z", [0.0123, 0.1, 0.4567, 0.8])
def test_peak_is_read_to_a_fraction_of_a_bin(z):
    found = bins.estimate(peaks((z, 1.0), scatter=1.0))
    assert found["z"].item() == pytest.approx(z, abs=0.1 * bins.STEP)
    assert found["confidence"].item() == pytest.approx(1, abs=1e-3)
    low, high = (bins.position(found[k]).item() for k in ("low", "high"))
    # a bin of scatter either way, widened by the bins' own size
    assert (high - low) / 2 == pytest.approx(1, rel=0.08)


def test_confidence_is_what_lies_near_the_highest_peak():
    found = bins.estimate(peaks((0.1, 0.5), (0.5, 0.3), other=0.2))
    assert found["z"].item() == pytest.approx(0.1, abs=1e-3)
    assert found["confidence"].item() == pytest.approx(0.5, abs=1e-3)
    assert found["other"].item() == pytest.approx(0.2, abs=1e-6)
    assert found["high"].item() == pytest.approx(0.5, abs=0.01)  # 5 of 8 parts lie at the first


def test_what_is_no_galaxy_has_no_confidence():
    found = bins.estimate(peaks((0.1, 0.01), other=0.99))
    assert found["confidence"].item() < 0.02
    assert math.isfinite(found["z"].item())


def test_intervals_hold_the_truth_68_percent_of_the_time():
    generator = torch.Generator().manual_seed(1)
    scatter = 0.5 + 20 * torch.rand(4000, 1, generator=generator)
    centre = 100 + 400 * torch.rand(4000, 1, generator=generator)
    place = torch.arange(bins.N_BINS)
    p = torch.exp(-0.5 * ((place - centre) / scatter) ** 2)
    logits = torch.cat([(p / p.sum(1, keepdim=True)).clamp(min=1e-30).log(), torch.full((4000, 1), -50.0)], 1)
    true = torch.expm1((centre + scatter * torch.randn(4000, 1, generator=generator)) * bins.STEP)[:, 0]
    found = bins.estimate(logits)
    inside = ((found["low"] <= true) & (true <= found["high"])).double().mean()
    assert inside == pytest.approx(0.68, abs=0.025)


def test_likelihood_is_shared_by_the_two_bins_beside_the_truth():
    logits = torch.zeros(1, bins.N_CLASSES)
    logits[0, 10], logits[0, 11] = 3, 1
    log_p = logits.log_softmax(1)[0]
    z = torch.expm1(torch.tensor([10.25 * bins.STEP]))
    galaxy = torch.tensor([True])
    assert bins.log_likelihood(logits, z, galaxy).item() == pytest.approx(
        (0.75 * log_p[10] + 0.25 * log_p[11]).item(), abs=1e-4
    )
    assert bins.log_likelihood(logits, z, ~galaxy).item() == pytest.approx(log_p[bins.OTHER].item())


def test_two_modalities_that_agree_are_surer_and_the_population_counts_once():
    wide, narrow = peaks((0.3, 1.0), scatter=20.0), peaks((0.3, 0.6), (0.6, 0.4))
    flat = torch.full((bins.N_CLASSES,), -math.log(bins.N_CLASSES))
    both = bins.estimate(bins.combine(wide, narrow, flat))
    assert both["z"].item() == pytest.approx(0.3, abs=1e-3)
    assert both["confidence"].item() > 0.99
    known = bins.combine(flat[None], narrow, flat)  # a modality that says nothing changes nothing
    torch.testing.assert_close(known.softmax(1), narrow.softmax(1))
