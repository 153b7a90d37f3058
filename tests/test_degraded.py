"""Effects of other surveys on spectra and cutouts."""

from pathlib import Path

import pytest
import torch
import yaml

from galaxypair import degraded_images, degraded_spectra, observing, tables
from galaxypair.ingest.rgb import unstretch
from galaxypair.rgb import to_rgb

N = 64
SCHEMA = Path(__file__).resolve().parents[1] / "workflow" / "schemas" / "config.schema.yaml"
GALAXIES = {"z": torch.full((N,), 0.1), "bright_sample": torch.ones(N, dtype=torch.bool)}


def observed(*effects: str, flux: float = 10.0) -> torch.Tensor:
    light = torch.full((N, tables.N_WAVELENGTH), flux)
    generator = torch.Generator().manual_seed(3)
    return observing.observe(light, 0.1 * light, GALAXIES, generator, effects)


@pytest.mark.parametrize("modality", ["image", "spectrum"])
def test_config_knows_every_effect_and_no_other(modality):
    known = {"image": degraded_images, "spectrum": degraded_spectra}[modality].EFFECTS
    schema = yaml.safe_load(SCHEMA.read_text())["properties"]["pretrain"]["properties"][modality]
    assert schema["properties"]["effects"]["items"]["enum"] == list(known)


@pytest.mark.parametrize("effect", list(degraded_spectra.EFFECTS))
def test_each_effect_changes_spectra_and_leaves_them_finite(effect):
    plain, changed = observed(), observed(effect)
    assert torch.isfinite(changed).all()
    assert not torch.equal(plain, changed)
    takes_away = effect in ("ends", "gaps")
    assert bool((changed == 0).any()) == takes_away
    assert (plain != 0).all()


def test_noise_of_wide_pixels_is_as_strong_over_them_and_shared_by_neighbours():
    generator = torch.Generator().manual_seed(1)
    drawn = degraded_spectra.unit_noise((400, tables.N_WAVELENGTH), ("pixels",), generator)
    red = drawn[:, -1500:]
    together = (red[:, 1:] * red[:, :-1]).mean(1)
    wide = together > 0.2
    assert 0.25 < wide.float().mean() < 0.45
    assert together[~wide].abs().max() < 0.15
    assert drawn[~wide].std() == pytest.approx(1, rel=0.02)


def test_lower_resolution_keeps_the_flux_and_widens_lines():
    light = torch.zeros(N, tables.N_WAVELENGTH)
    light[:, 4000] = 100.0
    out = degraded_spectra.source(light, 0 * light, ("resolution",), torch.Generator().manual_seed(2))
    torch.testing.assert_close(out.sum(1), light.sum(1), rtol=1e-4, atol=1e-3)
    peak = out.amax(1)
    assert peak.min() < 20 and peak.max() == pytest.approx(100, rel=1e-3)  # half are as they were


def test_depth_reaches_from_noise_to_clear_spectra():
    ratio = 11 / (observed("depth") - 11).std(1)
    plain = 11 / (observed() - 11).std(1)
    assert ratio.min() < 1 and plain.min() > 2
    assert ratio.max() > plain.max()


@pytest.mark.parametrize("effect", list(degraded_images.EFFECTS))
def test_each_effect_changes_cutouts_and_leaves_them_finite(effect):
    raw = 0.3 * torch.rand(32, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain, changed = (
        degraded_images.augment(raw, 48, e, torch.Generator().manual_seed(5)) for e in ((), (effect,))
    )
    assert plain.shape == changed.shape == (32, 3, 56, 56)
    assert torch.isfinite(changed).all()
    differs = (plain != changed).flatten(1).any(1).float().mean()
    assert 0.1 < differs <= 1


def test_blur_keeps_the_flux():
    raw = torch.zeros(2, 3, 33, 33)
    raw[:, :, 16, 16] = 1
    out = degraded_images.blur(raw, torch.tensor([0.7, 1.5]))
    torch.testing.assert_close(out.sum((2, 3)), torch.ones(2, 3), rtol=1e-4, atol=1e-4)
    second = (out[:, 0].sum(1) * (torch.arange(33) - 16).square()).sum(1)
    torch.testing.assert_close(second.sqrt(), torch.tensor([0.7, 1.5]), rtol=0.03, atol=0.02)


def test_picture_and_back_is_what_ingest_makes_of_a_picture_that_is_not_clipped():
    generator = torch.Generator().manual_seed(4)
    raw = 0.01 + 0.05 * torch.rand(1, 3, 24, 24, generator=generator)
    back = degraded_images.picture(raw, torch.zeros(1, 1, 1, 1), torch.zeros_like(raw))
    rgb = to_rgb(raw[0].permute(1, 2, 0).numpy())
    quantised = (255 * rgb).round() / 255
    expected = torch.tensor(unstretch(quantised), dtype=torch.float32)
    torch.testing.assert_close(back[0], expected, rtol=0.02, atol=2e-4)
