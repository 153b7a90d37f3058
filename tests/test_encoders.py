import numpy as np
import pytest
import torch
from checkpoint_factories import (
    projection_forward,
    resnet_forward,
    resnet_state,
    spender_forward,
    spender_state,
)

from galaxypair import heads, images, spectra, tables
from galaxypair.encoders.resnet import SteinResNet50
from galaxypair.encoders.spender import SpenderEncoder
from galaxypair.errors import ConfigError

WAVELENGTH = np.linspace(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, tables.N_WAVELENGTH)


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


def lines(n=2, seed=0):
    """Spectra with noise and an emission line each."""
    rng = np.random.default_rng(seed)
    flux = rng.normal(2, 0.5, (n, tables.N_WAVELENGTH))
    flux += 30 * np.exp(-0.5 * ((WAVELENGTH - rng.uniform(4000, 9000, (n, 1))) / 5) ** 2)
    return torch.from_numpy(flux.astype("f4"))


def test_sizes_are_the_published_ones():
    resnet = SteinResNet50(output="projection")
    assert n_parameters(resnet) == 27_966_656
    assert n_parameters(resnet.fc) == 4_458_624
    assert len(resnet.state_dict()) == 322
    assert resnet.n_features == 128
    assert SteinResNet50().n_features == 2048
    assert n_parameters(SpenderEncoder()) == 3_115_392
    assert n_parameters(heads.prelu_mlp(256, 128, [128, 128], 0.1)) == 66_304
    assert n_parameters(heads.prelu_mlp(256, 128, [256, 256], 0.1)) == 165_120


@pytest.fixture(scope="module")
def stein():
    made = SteinResNet50(stretch="raw", output="projection")
    made.load_state_dict(resnet_state())
    return made.eval()


@torch.inference_mode()
def test_resnet_computes_what_its_weights_say(stein):
    raw = torch.randn(3, 3, 101, 112)
    upright = raw[:, :, 2:98, 8:104].transpose(2, 3)
    expected = projection_forward(resnet_state(), resnet_forward(resnet_state(), upright))
    torch.testing.assert_close(stein(raw), expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_output_of_features_is_what_the_projection_reads(stein):
    features = SteinResNet50(stretch="raw")
    features.load_state_dict({k: v for k, v in resnet_state().items() if not k.startswith("fc.")})
    raw = torch.randn(2, 3, 96, 96)
    found = features.eval()(raw)
    assert found.shape == (2, 2048)
    torch.testing.assert_close(stein.fc(found), stein(raw))


@torch.inference_mode()
def test_resnet_equals_torchvisions(stein):
    models = pytest.importorskip("torchvision.models", reason="parity with torchvision: not installed")
    theirs = models.resnet50()
    theirs.fc = heads.mlp(2048, 128)
    theirs.load_state_dict(stein.state_dict())
    raw = torch.randn(4, 3, 96, 96)
    torch.testing.assert_close(stein(raw), theirs.eval()(raw.transpose(2, 3)), rtol=1e-5, atol=1e-5)


def test_image_smaller_than_the_crop_is_refused(stein):
    with pytest.raises(ConfigError, match="central 96"):
        stein(torch.zeros(1, 3, 64, 64))


def test_stein_stretch_multiplies_by_what_should_be_added():
    """A pixel by hand: the published formula with scales 2.2, 3.4, 6.0 on z, r, g."""
    g, r, z = 0.01, 0.02, 0.03
    intensity = (2.2 * z + 3.4 * r + 6.0 * g + 3 * 0.03) / 3
    factor = 0.03 * np.arcsinh(20 * intensity) / np.sqrt(20) / intensity
    expected = [z * (2.2 + factor), r * (3.4 + factor), g * (6.0 + factor)]
    found = images.stein_rgb(torch.tensor([g, r, z]).view(1, 3, 1, 1)).flatten()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("value", [-10.0, -0.03 / 3.4, 0.0, 1e4])
def test_stein_stretch_stays_between_0_and_1(value):
    found = images.stein_rgb(torch.full((1, 3, 2, 2), value))
    assert torch.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_stein_encoder_stretches_by_default():
    (prepared,) = SteinResNet50().prepare(torch.full((1, 3, 96, 96), 5.0))
    assert (prepared == 1).all()


@pytest.fixture(scope="module")
def spender():
    made = SpenderEncoder()
    made.load_state_dict(spender_state())
    return made.eval()


@torch.inference_mode()
def test_spender_computes_what_its_weights_say(spender):
    flux = lines()
    torch.testing.assert_close(spender(flux), spender_forward(spender_state(), flux), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_spender_equals_the_library(spender):
    library = pytest.importorskip("spender", reason="parity with spender: not installed")
    from spender.data.desi import DESI

    theirs = library.SpectrumEncoder(DESI(), n_latent=6)
    assert n_parameters(theirs.mlp) == 43_654
    ours = {k: v for k, v in theirs.state_dict().items() if not k.startswith(("mlp.", "instrument."))}
    assert list(ours) == list(spender.state_dict())
    theirs.load_state_dict(spender.state_dict(), strict=False)
    flux = lines(4)
    torch.testing.assert_close(theirs.mlp(spender(flux)), theirs.eval()(flux), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("normalise", ["none", "rest_median"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-6, 1.0, 1e6, 1e37])
@torch.inference_mode()
def test_spender_features_are_finite_whatever_the_flux(normalise, scale):
    made = SpenderEncoder(normalise)
    made.load_state_dict(spender_state())
    flux = scale * lines(1)
    flux[:, 4000] = 1.0 if scale == 1e-30 else flux[:, 4000]
    assert torch.isfinite(made.eval()(flux, torch.tensor([0.1]))).all()


@torch.inference_mode()
def test_spender_hardly_sees_the_scale_until_the_norm_gives_way(spender):
    flux = lines(1)
    usual, brighter, dead = spender(flux), spender(10 * flux), spender(torch.zeros_like(flux))
    assert (brighter - usual).norm() / usual.norm() < 0.01
    assert dead.norm() < 0.01 * usual.norm()


def test_batches_go_through_in_bounded_blocks(spender, monkeypatch):
    flux, sizes = lines(5), []
    with torch.inference_mode():
        whole = spender(flux)
        monkeypatch.setattr(SpenderEncoder, "rows_at_once", 2)
        real = SpenderEncoder.encode
        monkeypatch.setattr(SpenderEncoder, "encode", lambda s, x: sizes.append(len(x)) or real(s, x))
        torch.testing.assert_close(spender(flux), whole)
    assert sizes == [2, 2, 1]


def test_rest_median_is_taken_between_5300_and_5850_angstrom_of_the_rest_frame():
    z = 0.2
    rest = WAVELENGTH / (1 + z)
    flux = torch.from_numpy(np.where((rest > 5300) & (rest < 5850), 4.0, 9.0).astype("f4"))[None]
    flux[0, 3900:4000] = 0  # no data within the window is not counted
    found = spectra.over_rest_median(flux, torch.tensor([z]))
    torch.testing.assert_close(found, flux / 4)


@pytest.mark.parametrize(
    ("z", "flux", "scale"),
    [
        (float("nan"), 3.0, 3.0),  # no redshift
        (2.0, 3.0, 3.0),  # no data at these wavelengths
        (0.1, -3.0, 3.0),  # median below zero
        (0.1, 0.0, 1.0),  # nothing at all
    ],
)
def test_spectrum_without_a_median_in_the_rest_frame_is_scaled_by_what_there_is(z, flux, scale):
    spectrum = torch.full((1, tables.N_WAVELENGTH), flux)
    found = spectra.over_rest_median(spectrum, torch.tensor([z]))
    torch.testing.assert_close(found, spectrum / scale)


@torch.inference_mode()
def test_normalised_encoder_reads_the_redshift(spender):
    made = SpenderEncoder("rest_median")
    (prepared,) = made.prepare(lines(1), torch.tensor([0.1]))
    torch.testing.assert_close(prepared, spectra.over_rest_median(lines(1), torch.tensor([0.1])))
    (prepared,) = made.prepare(lines(1))
    torch.testing.assert_close(prepared, spectra.over_rest_median(lines(1), torch.tensor([torch.nan])))
