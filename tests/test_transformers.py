"""AstroCLIP's own encoders, heads and checkpoints."""

import copy
import json
import logging

import numpy as np
import pytest
import torch
import transformer_factories as small
from checkpoint_factories import prefixed
from test_config import SCHEMA, changed

from galaxypair import checkpoints, config, heads, images, imported, model, rgb, spectra
from galaxypair.encoders.astrodino import AstroDINO
from galaxypair.encoders.specformer import Specformer
from galaxypair.errors import ConfigError, DataError

CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def shrunk(monkeypatch):
    small.shrink(monkeypatch)


def spectrum(n=2):
    flux = torch.randn(n, 7781) + 3
    flux[:, 2000:2010] += 40
    return flux


def test_sizes_are_the_published_ones():
    with torch.device("meta"):
        assert n_parameters(AstroDINO()) == 302_954_496
        assert n_parameters(Specformer()) == 43_177_750
        assert n_parameters(heads.CrossAttention(768, 128)) == 361_984
        assert n_parameters(heads.CrossAttention(1024, 1024)) == 12_595_200
        assert n_parameters(heads.CrossAttention(768, 1024)) == 12_070_912
        whole = model.build(small.settings(embedding_dim=1024))
    assert n_parameters(whole) == 370_798_358


def test_windows_are_the_published_tokens():
    flux = spectrum()
    found = spectra.window_tokens(flux)
    assert found.shape == (2, 778, 22)
    for row, tokens in zip(flux, found, strict=True):
        torch.testing.assert_close(tokens, small.window_tokens(row))


def test_last_bin_lies_in_no_window():
    flux = spectrum(1)
    flux[0, -2:] = torch.tensor([7.0, -1.0])
    swapped = flux.clone()
    swapped[0, -2:] = torch.tensor([-1.0, 7.0])
    changed_tokens = (spectra.window_tokens(flux) - spectra.window_tokens(swapped)).abs().amax(2) > 1e-3
    assert changed_tokens.nonzero().tolist() == [[0, 777]]


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e6, 1e37])
@pytest.mark.parametrize("output", ["tokens", "mean"])
@torch.inference_mode()
def test_features_of_spectra_are_finite_whatever_the_flux(shrunk, scale, output):
    assert torch.isfinite(Specformer(output).eval()(scale * spectrum(1))).all()


@torch.inference_mode()
def test_specformer_computes_what_its_weights_say(shrunk):
    state, flux = small.states()["spectrum"], spectrum()
    expected = torch.stack([small.specformer_forward(state, row) for row in flux])
    for output, features in (("tokens", expected), ("mean", expected.mean(1))):
        made = Specformer(output)
        made.load_state_dict(state)
        torch.testing.assert_close(made.eval()(flux), features, **CLOSE)


def test_specformer_starts_as_the_original_does():
    made = Specformer()
    for weight, std in (
        (made.blocks[3].mlp.decoder.weight, (2 * 3072 * 6) ** -0.5),
        (made.head.weight, 768**-0.5),
        (made.position_embed.weight, 768**-0.5),
    ):
        # cut at three sigma, a normal distribution has 0.987 of its scatter
        assert weight.std().item() == pytest.approx(0.987 * std, rel=0.02)
    assert (made.blocks[0].attention.projection.bias == 0).all()


def test_colours_are_those_of_the_display():
    raw = 0.3 * torch.randn(2, 3, 20, 20)
    raw[0, :, 3, 3] = -10  # no intensity
    shown = rgb.to_rgb(raw.permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(images.to_rgb(raw).permute(0, 2, 3, 1).numpy(), shown, atol=1e-4)
    assert torch.isfinite(images.to_rgb(torch.full((1, 3, 2, 2), -0.03 / 3.4))).all()


@pytest.mark.parametrize("output", ["tokens", "cls"])
@torch.inference_mode()
def test_astrodino_computes_what_its_weights_say(shrunk, output):
    state = small.states()["image"]
    made = AstroDINO(output=output)
    made.load_state_dict(state)
    stored = 0.1 * torch.randn(2, 3, 146, 152)
    upright = images.to_rgb(stored[:, :, 1:145, 4:148].transpose(2, 3))
    if output == "tokens":
        expected = [small.astrodino_forward(state, picture) for picture in upright]
    else:
        expected = [small.astrodino_forward(state, picture, whole=True)[0] for picture in upright]
    torch.testing.assert_close(made.eval()(stored), torch.stack(expected), **CLOSE)


@torch.inference_mode()
def test_astrodino_equals_transformers_dinov2(shrunk):
    library = pytest.importorskip("transformers", reason="parity with transformers: not installed")
    ours = AstroDINO(output="cls").eval()
    state = small.states()["image"]
    ours.load_state_dict(state)
    settings = library.Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=144, patch_size=12
    )
    theirs = library.Dinov2Model(settings).eval()
    theirs.load_state_dict(small.as_transformers(state, theirs.state_dict()))
    pictures = torch.rand(2, 3, 144, 144)
    expected = theirs(pixel_values=pictures).last_hidden_state[:, 0]
    torch.testing.assert_close(ours.encode(pictures), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("crop_px", [96, 152])
def test_astrodino_looks_at_144_pixels_alone(shrunk, crop_px):
    with pytest.raises(ConfigError, match=rf"`model.image.crop_px` is {crop_px}.*144"):
        AstroDINO(crop_px)


@pytest.mark.parametrize("n_features", [16, 8])  # another length than the query's, and the same
@pytest.mark.parametrize(("name", "residual"), [("cross_attention", True), ("cross_attention_bare", False)])
@torch.inference_mode()
def test_head_computes_what_its_weights_say(name, residual, n_features):
    made = heads.HEADS[name](n_features, 8)
    state = small.random_state(made, 5)
    made.load_state_dict(state)
    tokens = torch.randn(3, 11, n_features)
    expected = torch.stack([small.head_forward(state, row, residual=residual) for row in tokens])
    torch.testing.assert_close(made.eval()(tokens), expected, **CLOSE)
    torch.testing.assert_close(made(tokens[:1]), expected[:1], **CLOSE)  # the original fails for one galaxy


@torch.inference_mode()
def test_tokens_go_to_the_head_in_bounded_blocks(shrunk, monkeypatch):
    made = model.build(small.settings()).eval()
    flux, sizes = spectrum(5), []
    whole = made.heads["spectrum"](made.encoders["spectrum"](flux))
    monkeypatch.setattr(Specformer, "rows_at_once", 2)
    made.heads["spectrum"].register_forward_hook(lambda *parts: sizes.append(len(parts[1][0])))
    torch.testing.assert_close(made.embed("spectrum", flux), whole)
    torch.testing.assert_close(made.embed("spectrum", flux, torch.zeros(5)), whole)
    assert sizes == [2, 2, 1] * 2


def test_a_batch_in_training_is_one_thing(shrunk, monkeypatch):
    made, sizes = model.build(small.settings()), []
    monkeypatch.setattr(Specformer, "rows_at_once", 2)
    made.heads["spectrum"].register_forward_hook(lambda *parts: sizes.append(len(parts[1][0])))
    made.embed("spectrum", spectrum(3)).sum().backward()
    assert sizes == [3]
    assert made.encoders["spectrum"].data_embed.weight.grad.abs().max() > 0


@torch.inference_mode()
def test_imported_model_embeds_as_its_authors_does_in_evaluation_mode(shrunk, tmp_path):
    path = small.make_astroclip(tmp_path / "astroclip.ckpt")
    made, exported = imported.import_model(path, small.settings())
    model.save(made, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(exported))
    loaded, states = model.PairModel.from_pretrained(tmp_path), small.states()

    stored = 0.1 * torch.randn(2, 3, 152, 152)
    upright = images.to_rgb(stored[:, :, 4:148, 4:148].transpose(2, 3))
    expected = [
        small.head_forward(
            states["image_head"], small.astrodino_forward(states["image"], picture), residual=False
        )
        for picture in upright
    ]
    torch.testing.assert_close(loaded.embed("image", stored), torch.stack(expected), **CLOSE)

    flux = spectrum()
    expected = [
        small.head_forward(
            states["spectrum_head"], small.specformer_forward(states["spectrum"], row), residual=True
        )
        for row in flux
    ]
    torch.testing.assert_close(loaded.embed("spectrum", flux), torch.stack(expected), **CLOSE)
    assert exported["checkpoint"]["layout"] == "astroclip_v2"


def test_weight_that_does_not_fit_is_named(shrunk, tmp_path):
    stray = {"image_encoder.backbone.register_tokens": torch.zeros(1, 4, 16)}
    path = small.make_astroclip(tmp_path / "astroclip.ckpt", **stray)
    with pytest.raises(DataError, match=r"holds `encoders.image.register_tokens`"):
        imported.import_model(path, small.settings())
    with pytest.raises(DataError, match=r"`heads.image.cross_attention.query` has shape \(1, 1, 8\)"):
        imported.import_model(path, small.settings(embedding_dim=12))


FORMS = {
    "teacher": lambda backbone: {
        "teacher": {**prefixed(backbone, "backbone."), "dino_head.last_layer.weight_v": torch.zeros(3, 2)}
    },
    "training": lambda backbone: {
        "model": {
            **prefixed(
                {key: torch.zeros_like(value) for key, value in backbone.items()}, "student.backbone."
            ),
            **prefixed(backbone, "teacher.backbone."),
            "teacher.ibot_head.last_layer.weight_v": torch.zeros(3, 2),
        },
        "iteration": 249_999,
    },
    "bare": lambda backbone: backbone,
}


@pytest.mark.parametrize("in_chunks", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_astrodino_weights_are_the_teachers_in_every_form_of_their_file(
    shrunk, tmp_path, form, in_chunks, caplog
):
    state = small.states()["image"]
    path = tmp_path / "astrodino.ckpt"
    torch.save(FORMS[form](small.chunked(state) if in_chunks else state), path)
    made = AstroDINO()
    with caplog.at_level(logging.INFO):
        checkpoints.load_encoder(made, "astrodino", path)
    assert all(torch.equal(value, state[key]) for key, value in made.state_dict().items())
    assert ("dino_head (1)" in caplog.text) == (form == "teacher")


@pytest.mark.parametrize("lightning", [True, False])
def test_specformer_weights_are_read_from_both_forms(shrunk, tmp_path, lightning):
    state = small.states()["spectrum"]
    path = tmp_path / "specformer.ckpt"
    torch.save({"state_dict": state, "hyper_parameters": {"embed_dim": 16}} if lightning else state, path)
    made = Specformer()
    checkpoints.load_encoder(made, "specformer", path)
    assert all(torch.equal(value, state[key]) for key, value in made.state_dict().items())


def test_swapped_files_are_refused(shrunk, tmp_path):
    torch.save({"state_dict": small.states()["spectrum"]}, tmp_path / "specformer.ckpt")
    with pytest.raises(DataError, match="holds no weights where the image encoder of AstroCLIP"):
        checkpoints.load_encoder(AstroDINO(), "astrodino", tmp_path / "specformer.ckpt")


def astroclip_config(**changes):
    found = copy.deepcopy(changed("model.from_checkpoint", "astroclip"))
    found["preprocess"]["crop_px"] = 144
    found["model"] |= {"checkpoint_layout": "astroclip_v2", "embedding_dim": 1024}
    found["model"]["image"] |= {"encoder": "astrodino", "head": "cross_attention_bare", "crop_px": 144}
    found["model"]["spectrum"] |= {"encoder": "specformer", "head": "cross_attention"}
    for key, value in changes.items():
        modality, name = key.split("_", 1)
        found["model"][modality][name] = value
    return found


def test_config_of_the_published_model_passes():
    config.check(astroclip_config(), SCHEMA)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"image_head": "cross_attention"},
            r"`model.image.head` is cross_attention, but.*cross_attention_bare.*astroclip_v2_checkpoint.yaml",
        ),
        ({"image_crop_px": 96}, r"`model.image.crop_px` is 96, but the encoder astrodino was trained on 144"),
        (
            {"image_astrodino": {"output": "cls"}},
            r"`model.image.head` is cross_attention_bare, which reads tokens",
        ),
        (
            {"spectrum_specformer": {"output": "mean"}},
            r"`model.spectrum.head` is cross_attention, which reads",
        ),
    ],
)
def test_settings_that_contradict_the_published_model_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        config.check(astroclip_config(**changes), SCHEMA)


def test_dimension_that_attention_cannot_share_out_is_refused():
    settings = changed("model.embedding_dim", 10)
    settings["model"]["spectrum"] |= {
        "encoder": "aion",
        "head": "cross_attention",
        "aion": {"output": "tokens"},
    }
    with pytest.raises(ConfigError, match=r"`model.embedding_dim` is 10.*multiple of 4"):
        config.check(settings, SCHEMA)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"encoder": "specformer"}, r"`model.spectrum.head` is linear, which reads one feature vector"),
        ({"head": "cross_attention"}, r"`model.spectrum.head` is cross_attention, which reads tokens"),
    ],
)
def test_heads_and_encoders_that_do_not_fit_are_refused(part, message):
    settings = changed("model.from_run", "other")
    settings["model"]["spectrum"] |= part
    with pytest.raises(ConfigError, match=message):
        config.check(settings, SCHEMA)
