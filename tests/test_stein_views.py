import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from galaxypair import stein_views
from galaxypair.stein_views import Reach


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def galaxy(side=112, size=4.0):
    y, x = torch.meshgrid(*[torch.arange(float(side)) - (side - 1) / 2] * 2, indexing="ij")
    return torch.exp(-(x.square() + y.square()) / (2 * size**2))


def moments(light):
    """Centre and scatter along both axes of images of shape (n, side, side) [pixel]."""
    axis = torch.arange(light.shape[-1]) - (light.shape[-1] - 1) / 2
    total = light.sum((1, 2))
    centre = [(light.sum(dim) * axis).sum(1) / total for dim in (2, 1)]
    wide = [(light.sum(dim) * axis.square()).sum(1) / total for dim in (2, 1)]
    return centre, [(w - c.square()).sqrt() for w, c in zip(wide, centre, strict=True)]


def test_blur_equals_that_of_scipy_away_from_the_edges_and_0_is_nothing():
    one = torch.rand(1, 3, 60, 60)
    out = stein_views.blur(one, torch.tensor([[0.0, 1.3, 2.6]]))
    assert torch.equal(out[0, 0], one[0, 0])
    for band, sigma in ((1, 1.3), (2, 2.6)):
        expected = gaussian_filter(one[0, band].numpy(), sigma, truncate=6)
        np.testing.assert_allclose(out[0, band, 18:-18, 18:-18], expected[18:-18, 18:-18], atol=1e-5)
    flat = torch.ones(1, 3, 20, 20)
    torch.testing.assert_close(stein_views.blur(flat, torch.full((1, 3), 4.0)), flat)


def test_dust_dims_the_bands_by_the_powers_of_the_survey():
    found = stein_views.transmission(2000, 1.0, generator()).log10()
    ebv = found[:, 0] / -1.2856
    torch.testing.assert_close(found[:, 1], -0.866 * ebv, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[:, 2], -0.4844 * ebv, atol=1e-5, rtol=1e-4)
    assert 0.85 < ebv.max() < 1 and -0.5 < ebv.min() < 0.02  # a galaxy has some dust to be taken away
    assert ebv.mean().item() == pytest.approx(0.5 - 0.043, abs=0.03)
    assert torch.equal(stein_views.transmission(5, 0, generator()), torch.ones(5, 3))


def test_views_are_moved_and_scaled_within_their_reach():
    light = galaxy().expand(500, 3, -1, -1)
    (row, column), scatter = moments(stein_views.move(light, 96, Reach(jitter_px=7), generator())[:, 0])
    for centre in (row, column):
        assert (round(centre.min().item()), round(centre.max().item())) == (-7, 7)
        assert len(centre.round().unique()) == 15
    size = torch.cat(scatter) / 4
    assert 0.89 < size.min() < 0.92 and 1.08 < size.max() < 1.11


def test_views_are_turned_by_any_angle_and_mirrored_or_not():
    right, down = galaxy(61, 2.0).roll(9, 1), galaxy(61, 2.0).roll(9, 0)
    spots = torch.stack([right, down, right]).expand(400, -1, -1, -1)
    out = stein_views.move(spots, 41, Reach(size_change=0, jitter_px=0), generator())
    (y0, x0), (y1, x1) = (moments(out[:, band])[0] for band in (0, 1))
    torch.testing.assert_close(torch.hypot(x0, y0), torch.full((400,), 9.0), atol=0.1, rtol=0)
    torch.testing.assert_close(x0 * x1 + y0 * y1, torch.zeros(400), atol=1, rtol=0)
    assert torch.histc(torch.atan2(y0, x0), 8, -np.pi, np.pi).min() > 25
    handed = x0 * y1 - y0 * x1
    assert 150 < (handed > 0).sum() < 250


def test_psf_and_noise_only_grow_and_in_squares():
    has, aim = (0.0, 2.0, 0.0), ((1.0, 3.0, 2.5), (1.0, 3.0, 2.5))
    usual = (has, (2.0, 1e-9, 1.5), (0.0, 0.0, 0.0))
    found = stein_views.added(usual, aim, 4, generator())
    expected = torch.tensor([0.0, 5**0.5, 2.0]).expand(4, 3)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_views_differ_from_galaxy_to_galaxy_and_repeat_with_the_seed():
    light = galaxy().expand(6, 3, -1, -1)
    a, b, c = (stein_views.draw(light, 96, Reach(), generator(seed)) for seed in (1, 1, 2))
    assert a.shape == (6, 3, 96, 96) and torch.isfinite(a).all()
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert (torch.cdist(a.flatten(1), a.flatten(1)) + torch.eye(6) > 0.1).all()
    corner = a[:, 2, :8, :8].std(dim=(1, 2))  # of the sky: noise, or none
    assert 0 <= corner.min() < 0.03 < corner.max() < 0.07
