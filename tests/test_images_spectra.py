import numpy as np
import pytest
import torch

from galaxypair import images, spectra, tables
from galaxypair.errors import ConfigError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_asinh_stretch_equals_numpy():
    x = torch.tensor(np.random.default_rng(1).normal(0, 1, (2, 3, 4, 4)), dtype=torch.float32)
    scales = np.array(tables.DISPLAY_SCALES)[None, :, None, None]
    np.testing.assert_allclose(images.asinh_stretch(x), np.arcsinh(x.numpy() * scales * 20) / 3, atol=1e-5)


def test_image_augmentations_are_drawn_for_each_galaxy():
    one = torch.arange(3 * 20 * 20, dtype=torch.float32).view(1, 3, 20, 20).expand(64, -1, -1, -1)
    out = images.augment(one, 12, generator())
    assert len({tuple(o.flatten().tolist()) for o in out}) > 40


def test_image_augmentations_only_move_pixels():
    one = torch.rand(8, 3, 12, 12)
    out = images.augment(one, 12, generator())  # no margin: no shift
    for before, after in zip(one, out, strict=True):
        np.testing.assert_array_equal(np.sort(before.flatten()), np.sort(after.flatten()))


def test_image_augmentations_are_the_eight_symmetries_of_the_square():
    one = torch.rand(1, 3, 7, 7)
    out = images.augment(one.expand(200, -1, -1, -1), 7, generator())
    turned = [one.rot90(k, (2, 3)) for k in range(4)]
    expected = torch.cat(turned + [x.flip(3) for x in turned])
    which = (out[:, None] == expected).flatten(2).all(2)
    assert (which.sum(1) == 1).all()
    assert which.any(0).all()


def test_image_augmentations_shift_by_at_most_four_pixels_to_every_side():
    x = torch.zeros(300, 3, 112, 112)
    x[..., 55:57, 55:57] = 1  # in the middle, whatever the symmetry
    out = images.augment(x, 96, generator())[:, 0]
    top, left = out.amax(2).argmax(1) - 47, out.amax(1).argmax(1) - 47
    for shift in (top, left):
        assert (int(shift.min()), int(shift.max())) == (-4, 4)


def test_rotation_by_nothing_is_the_crop_mirrored_along_either_axis():
    one = torch.rand(1, 3, 20, 20).expand(200, -1, -1, -1)
    out = images.rotate(one, 12, 0, generator())
    cut = images.center_crop(one[:1], 12)
    flipped = [cut, cut.flip(2), cut.flip(3), cut.flip((2, 3))]
    distance = torch.stack([(out - f).abs().amax((1, 2, 3)) for f in flipped])
    assert distance.amin(0).max() < 1e-5
    assert distance.argmin(0).unique().tolist() == [0, 1, 2, 3]


def test_rotation_turns_each_galaxy_by_its_own_angle_up_to_the_reach_either_way():
    y, x = torch.meshgrid(*[torch.arange(61.0) - 30] * 2, indexing="ij")
    streak = torch.exp(-(y.square() / 8 + x.square() / 200)).expand(400, 3, -1, -1)
    out = images.rotate(streak, 41, 30, generator())[:, 0]
    y, x = y[10:51, 10:51], x[10:51, 10:51]
    moments = [(out * a * b).sum((1, 2)) for a, b in ((x, x), (y, y), (x, y))]
    angle = torch.rad2deg(torch.atan2(2 * moments[2], moments[0] - moments[1]) / 2)
    assert angle.min() > -30.5 and angle.max() < 30.5
    assert angle.min() < -28 and angle.max() > 28
    assert angle.round(decimals=2).unique().numel() > 350
    assert angle.mean().abs() < 3


def test_rotated_crop_sees_nothing_beyond_an_image_that_is_large_enough():
    out = images.rotate(torch.ones(100, 3, 136, 136), 96, 45, generator())
    assert out.min() > 0.999


def test_center_crop_keeps_the_centre():
    x = torch.zeros(1, 3, 112, 112)
    x[..., 56, 56] = 1
    assert images.center_crop(x, 96)[..., 48, 48].eq(1).all()


def test_images_smaller_than_the_models_crop_are_refused():
    with pytest.raises(
        ConfigError, match=r"Images of 64 pixels, .* central 96. Set `preprocess.crop_px` to 96"
    ):
        images.center_crop(torch.zeros(1, 3, 64, 64), 96)


def test_box_mean_is_the_weighted_running_mean():
    values, weights = torch.rand(2, 40), (torch.rand(2, 40) > 0.3).float()
    got = spectra.box_mean(values, weights, 5)
    i = 17
    window = slice(i - 2, i + 3)
    expected = (values[:, window] * weights[:, window]).sum(1) / weights[:, window].sum(1).clamp(min=1e-6)
    np.testing.assert_allclose(got[:, i], expected, atol=1e-6)


def spectrum(n=3):
    flux = torch.tensor(np.random.default_rng(2).normal(3, 0.3, (n, 7781)), dtype=torch.float32)
    flux += torch.linspace(-1, 1, 7781)
    flux[:, 4000:4006] += 20
    return flux


def test_split_continuum_is_0_without_data_and_knows_no_edge_of_a_gap():
    flux = spectrum()
    flux[:, 4000:4006] -= 20  # no line, so that an edge would be all there is
    flux[:, :1000] = 0
    channels, summary = spectra.split_continuum(flux)
    assert channels.shape == (3, spectra.N_CHANNELS, spectra.N_BINS)
    assert summary.shape == (3, spectra.N_SUMMARY)
    assert (channels[..., :500] == 0).all()
    assert torch.isfinite(channels).all() and torch.isfinite(summary).all()
    assert channels[:, 1, 500:540].mean(1).abs().max() < 0.5  # in units of the noise


def test_split_continuum_puts_lines_at_their_place():
    channels, _ = spectra.split_continuum(spectrum())
    assert (channels[:, 1].argmax(1) - 2001).abs().max() <= 2


@pytest.mark.parametrize("scale", [1e-2, 1e3])
def test_split_continuum_channels_do_not_depend_on_flux_scale(scale):
    flux = spectrum()
    a, b = spectra.split_continuum(flux)[0], spectra.split_continuum(flux * scale)[0]
    np.testing.assert_allclose(a, b, atol=2e-2)


def test_split_continuum_stays_finite_on_all_zero_spectra():
    channels, summary = spectra.split_continuum(torch.zeros(2, 7781))
    assert torch.isfinite(channels).all() and torch.isfinite(summary).all()


def test_spectrum_augmentations_are_drawn_for_each_galaxy_and_keep_gaps():
    flux = spectrum(1).expand(16, -1).clone()
    flux[:, 3000:3100] = 0
    out = spectra.augment(flux, generator())
    assert (out[:, 3000:3100] == 0).all()
    assert len({round(float(o[4003]), 3) for o in out}) == 16


def test_continuum_channel_has_unit_scatter():
    channels, _ = spectra.split_continuum(spectrum())
    np.testing.assert_allclose(channels[:, 0].square().mean(1), 1, rtol=1e-3)


def test_spectrum_augmentations_cut_ends_tilt_and_scale_as_documented():
    out = spectra.augment(torch.full((400, tables.N_WAVELENGTH), 5.0), generator())
    data = out != 0
    blue = 0.8 * data.int().argmax(1)  # Angstrom cut at either end
    red = 0.8 * data.flip(1).int().argmax(1)
    for cut, most in ((blue, 300), (red, 700)):
        assert 0.9 * most < cut.max() <= most
        assert 0.4 < (cut > 0).float().mean() < 0.6
    low, middle, high = out[:, 1945].log(), out[:, 3890].log(), out[:, 5835].log()
    assert (middle - np.log(5)).std() == pytest.approx(0.25, rel=0.1)
    assert (high - low).std() == pytest.approx(0.15, rel=0.1)


def test_noise_is_that_of_the_bins_with_data():
    flux = 3 + 0.5 * torch.randn(2, 7781, generator=torch.Generator().manual_seed(1))
    gaps = flux.clone()
    gaps[:, 1000:5000], gaps[1] = 0, 0
    assert spectra.white_noise(flux)[0].item() == pytest.approx(0.5, rel=0.05)
    assert spectra.white_noise(gaps)[0].item() == pytest.approx(0.5, rel=0.05)
    assert spectra.white_noise(gaps)[1].item() == pytest.approx(1e-4 / 0.954)
