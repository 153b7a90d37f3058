"""AION-1's adapter against a stand-in with the interface of polymathic-aion 0.0.2."""

import sys
import types
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from test_config import SCHEMA, changed
from test_features import VIEWS
from test_train_embed import TRAIN, make_manifest
from torch import Tensor, nn

from galaxypair import config, features, model, train
from galaxypair.encoders.aion import AionImageEncoder, AionSpectrumEncoder
from galaxypair.errors import ConfigError


@dataclass
class LegacySurveyImage:
    flux: Tensor
    bands: list[str]
    token_key: ClassVar[str] = "tok_image"
    num_tokens: ClassVar[int] = 576


@dataclass
class DESISpectrum:
    flux: Tensor
    ivar: Tensor
    mask: Tensor
    wavelength: Tensor
    token_key: ClassVar[str] = "tok_spectrum_desi"
    num_tokens: ClassVar[int] = 273


class CodecManager:
    def __init__(self, device="cpu"):
        self.device = device
        self.seen = []

    def encode(self, *modalities):
        (data,) = modalities
        self.seen.append(data)
        assert data.flux.dtype == torch.float32
        tokens = data.flux.flatten(1).abs().sum(1, keepdim=True) + torch.arange(data.num_tokens)
        data.flux.clamp_(-1, 1)  # as its tokeniser of images does
        return {data.token_key: tokens.long()}


class AION(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(768))

    @classmethod
    def from_pretrained(cls, name):
        assert name == "polymathic-ai/aion-base"
        return cls()

    def encode(self, input_dict, input_mask=None, num_encoder_tokens=256):
        assert not self.training
        (tokens,) = input_dict.values()
        return tokens[:, :num_encoder_tokens, None] * self.scale


@pytest.fixture
def package(monkeypatch):
    """The stand-in, under the names of the package."""
    content = {
        "aion": {"AION": AION},
        "aion.codecs": {"CodecManager": CodecManager},
        "aion.modalities": {"LegacySurveyImage": LegacySurveyImage, "DESISpectrum": DESISpectrum},
    }
    for name, parts in content.items():
        module = types.ModuleType(name)
        module.__dict__.update(parts)
        monkeypatch.setitem(sys.modules, name, module)


def seen_by(encoder):
    ((_, codecs),) = encoder._loaded.values()
    return codecs.seen


def test_image_is_cropped_turned_upright_and_left_as_it_was(package):
    encoder = AionImageEncoder(output="tokens")
    raw = 5 * torch.randn(2, 3, 112, 100)
    kept = raw.clone()
    assert encoder(raw).shape == (2, 576, 768)
    (data,) = seen_by(encoder)
    assert data.bands == ["DES-G", "DES-R", "DES-Z"]
    assert torch.equal(data.flux, kept[:, :, 8:104, 2:98].transpose(2, 3).clamp(-1, 1))
    assert torch.equal(raw, kept)


def test_spectrum_comes_with_noise_mask_and_wavelengths(package):
    encoder = AionSpectrumEncoder("mean")
    flux = 3 + 0.5 * torch.randn(2, 7781, generator=torch.Generator().manual_seed(1))
    flux[0, :500] = 0
    flux[1] = 0
    assert encoder(flux).shape == (2, 768)
    (data,) = seen_by(encoder)
    assert torch.equal(data.mask, flux == 0)
    assert (data.ivar[data.mask] == 0).all()
    assert data.ivar[0, 500:].median().item() == pytest.approx(4, rel=0.15)
    assert torch.isfinite(data.ivar).all()
    assert data.wavelength[1, [0, 1, -1]].tolist() == pytest.approx([3600, 3600.8, 9824])


@pytest.mark.parametrize("training", [True, False])
def test_rows_go_through_in_blocks_and_nothing_of_it_learns_or_is_exported(package, monkeypatch, training):
    monkeypatch.setattr(AionSpectrumEncoder, "rows_at_once", 2)
    encoder = AionSpectrumEncoder("mean").train(training)
    features = encoder(torch.rand(5, 7781))
    assert features.shape == (5, 768)
    assert not features.requires_grad
    assert [len(data.flux) for data in seen_by(encoder)] == [2, 2, 1]
    assert encoder.state_dict() == {}
    assert list(encoder.parameters()) == []


def test_head_is_trained_on_it(package):
    settings = changed("model.image.encoder", "aion")
    settings["model"]["image"]["crop_px"] = 96
    settings["model"]["spectrum"] |= {"encoder": "aion", "head": "cross_attention"}
    settings["model"]["spectrum"]["aion"]["output"] = "tokens"
    config.check(settings, SCHEMA)
    made = model.build(settings["model"])
    embedded = made.embed("image", torch.rand(2, 3, 96, 96)), made.embed("spectrum", torch.rand(2, 7781))
    assert [part.shape for part in embedded] == [(2, 128), (2, 128)]
    sum(part.sum() for part in embedded).backward()
    assert all(p.grad is not None for p in made.heads.parameters())
    assert {name.partition(".")[0] for name in made.state_dict()} == {"heads"}


@pytest.mark.parametrize("output", ["mean", "tokens"])
def test_training_runs_it_once_and_only_tokens_in_every_step(package, tmp_path, monkeypatch, output):
    data = make_manifest(tmp_path)
    settings = changed("model.embedding_dim", 8)["model"]
    head = "linear" if output == "mean" else "cross_attention"
    settings["image"] |= {"crop_px": 32, "compact": {"width": 4}}
    settings["spectrum"] |= {"encoder": "aion", "head": head, "aion": {"output": output}}
    cached = {}
    if output == "mean":
        parts = {"encoders": {"spectrum": settings["spectrum"]}, "settings": VIEWS | {"views": 1}}
        cached = {split: tmp_path / f"{split}.h5" for split in ("train", "val")}
        for split, path in cached.items():
            features.build(data, split, path, **parts, weights={}, device="cpu", code=[])
        assert features.read(cached["val"], data, "val")["spectrum"].shape[1:] == (1, 768)
    ran, encode = [], AionSpectrumEncoder.encode
    monkeypatch.setattr(AionSpectrumEncoder, "encode", lambda *a: (ran.append(1), encode(*a))[1])
    _, rows = train.fit(data, tmp_path / "t", settings, TRAIN | {"epochs": 1}, threads=1, cached=cached)
    assert rows["val_loss"].notna().all()
    assert bool(ran) is not bool(cached)


def test_views_of_images_are_cut_to_what_it_looks_at(package):
    encoders = {"image": AionImageEncoder(output="mean")}
    batch = {"image": torch.rand(2, 3, 112, 112), "z": torch.zeros(2), "targetid": torch.arange(2)}
    found = features._encode(encoders, {"image": 2}, batch, VIEWS, [0, 0])
    assert found["image"].shape == (2, 2, 768)
    assert seen_by(encoders["image"])[1].flux.shape == (2, 3, 96, 96)
    assert found["image"][:, 1].all()  # of no galaxy an empty cut


def test_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "aion", None)
    with pytest.raises(ConfigError, match="pip install polymathic-aion"):
        AionSpectrumEncoder()(torch.rand(1, 7781))


def test_weights_that_cannot_be_had_are_explained(package, monkeypatch):
    def refuse(name):
        raise OSError("401 Client Error")

    monkeypatch.setattr(AION, "from_pretrained", refuse)
    with pytest.raises(ConfigError, match=r"401 Client Error.*accept their terms"):
        AionSpectrumEncoder()(torch.rand(1, 7781))


def test_other_crops_are_refused():
    with pytest.raises(ConfigError, match=r"crop_px` is 144.*96 pixels"):
        AionImageEncoder(144)
