"""Each published recipe trains: its settings and networks, these narrower and on few galaxies.

The reproduction's, whose networks are of their own size, is trained by tests/workflow/test_dag.py.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformer_factories as small
import yaml
from checkpoint_factories import make_stein
from factories import make_joint
from test_config import DEFAULTS, SCHEMA
from test_preprocess import CUTS

from galaxypair import config, features, io, model_card, preprocess, quality, tables, train, trials
from galaxypair.frozen import cached_modalities

CONFIG = Path(__file__).resolve().parents[1] / "config"
RECIPES = ["astroclip_v1", "astroclip_v2"]


def recipe(name):
    settings = trials.merged(DEFAULTS, yaml.safe_load((CONFIG / f"{name}.yaml").read_text()))
    config.check(settings, SCHEMA)
    return settings


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Files of weights as they are published, by the name of their entry; the transformers made small."""
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        small.shrink(patch)
        states = small.states()
        torch.save({"state_dict": states["spectrum"], "hyper_parameters": {}}, folder / "specformer.ckpt")
        torch.save({"teacher": states["image"]}, folder / "astrodino.ckpt")
        yield {
            "stein_resnet50": make_stein(folder / "stein.ckpt"),
            "specformer": folder / "specformer.ckpt",
            "astrodino": folder / "astrodino.ckpt",
        }


def make_dataset(folder, crop_px):
    joint = make_joint(folder / "joint.h5", n_per_group=9, groups=1)
    cuts = quality.Cuts(**{**vars(CUTS), "crop_px": crop_px})
    _, made = preprocess.build_dataset(joint, folder, cuts, {"train_fraction": 0.8, "val_fraction": 0.4}, {})
    io.write_text(json.dumps(made), folder / "manifest.json")
    return io.read_manifest(folder / "manifest.json")


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_trains_from_published_weights(published, tmp_path, name):
    settings = recipe(name)
    manifest = make_dataset(tmp_path, settings["preprocess"]["crop_px"])
    training = settings["train"] | {"epochs": 1, "batch_size": 4, "warmup_steps": 0, "accelerator": "cpu"}
    training["views"] = min(training["views"], 2)
    weights = {m: published[settings["model"][m]["encoder"]] for m in tables.MODALITIES}
    cached = {}
    if encoders := {m: settings["model"][m] for m in cached_modalities(settings["model"])}:
        cached = {split: tmp_path / f"{split}.h5" for split in ("train", "val")}
        shared = {"encoders": encoders, "settings": training, "weights": {m: weights[m] for m in encoders}}
        for split, path in cached.items():
            features.build(manifest, split, path, device="cpu", code=[], **shared)
    made, history = train.fit(
        manifest,
        tmp_path / "training",
        settings["model"],
        training,
        threads=1,
        weights=weights,
        cached=cached,
    )
    assert np.isfinite(history["val_loss"]).all()
    embedding = made.embed("spectrum", torch.randn(2, 7781) + 3, torch.tensor([0.1, 0.2]))
    assert embedding.shape == (2, settings["model"]["embedding_dim"])
    card = model_card.training(
        {"run": name, "source": "simulate"} | train.describe(made, settings["model"], training, manifest),
        history,
    )
    assert all(settings["model"][m]["encoder"] in card for m in tables.MODALITIES)


def test_second_version_has_the_steps_that_were_published():
    settings = recipe("astroclip_v2")
    n_train = 158_377 * (1 - settings["split"]["val_fraction"])
    steps = settings["train"]["epochs"] * (n_train // settings["train"]["batch_size"])
    assert steps == pytest.approx(25_000, rel=0.005)
