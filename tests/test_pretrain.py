import copy
import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from test_model import SETTINGS
from test_train_embed import TRAIN, make_manifest

from galaxypair import (
    callbacks,
    checkpoints,
    features,
    io,
    model,
    model_card,
    pretrain,
    tables,
    train,
)
from galaxypair.errors import ConfigError, DataError
from galaxypair.io.checkpoints import write_weights

COMMON = {
    "objective": "self_supervised",
    "effects": [],
    "seed": 1,
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "optimizer": "adamw",
    "weight_decay": 1e-4,
    "warmup_steps": 2,
    "accelerator": "cpu",
    "precision": "32-true",
}
IMAGE = COMMON | {
    "queue": 16,
    "momentum": 0.9,
    "temperature": 0.2,
    "projection_dim": 8,
    "ebv_max": 0.3,
    "jitter_px": 2,
}
SPECTRUM = COMMON | {"masked_chunks": 6, "chunk_bins": 500}
SMALL = {"image": IMAGE, "spectrum": SPECTRUM}


def encoder_settings(modality):
    return {key: value for key, value in SETTINGS[modality].items() if key != "head"}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_manifest(tmp_path_factory.mktemp("dataset"))


def fit(manifest, folder, modality, **changes):
    settings = SMALL[modality] | changes
    return pretrain.fit(manifest, folder, modality, encoder_settings(modality), settings, threads=1)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(value, b[key]) for key, value in a.items())


def spectra_batch(n=2):
    torch.manual_seed(2)
    return {"spectrum": torch.rand(n, 7781) + 1, "z": torch.full((n,), 0.1)}


# --- training ---------------------------------------------------------------------------------------


def test_two_pretrainings_give_the_same_weights_and_the_loss_falls(manifest, tmp_path):
    changes = {"epochs": 10, "learning_rate": 5e-3}
    weights, rows = fit(manifest, tmp_path / "a", "spectrum", **changes)
    again, _ = fit(manifest, tmp_path / "b", "spectrum", **changes)
    assert same(weights, again)
    assert list(rows.columns) == list(tables.HISTORY_COLUMNS)
    assert rows["epoch"].tolist() == list(range(1, 11))
    assert rows["train_loss"].iloc[-1] < rows["train_loss"].iloc[0]


@pytest.mark.parametrize("modality", tables.MODALITIES)
def test_interrupted_pretraining_ends_as_an_undisturbed_one(manifest, tmp_path, monkeypatch, modality):
    def stop(self, trainer, *_):
        if trainer.current_epoch == 2:
            raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.History, "on_train_epoch_start", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            fit(manifest, tmp_path / "stopped", modality)
    started = []
    with monkeypatch.context() as patch:
        patch.setattr(
            callbacks.History, "on_train_epoch_start", lambda _, t, *__: started.append(t.current_epoch)
        )
        resumed, rows = fit(manifest, tmp_path / "stopped", modality)
    assert started == [2]
    straight, expected = fit(manifest, tmp_path / "straight", modality)
    assert rows.equals(expected)
    assert rows["learning_rate"].nunique() == 3
    assert same(resumed, straight)


def test_killed_pretraining_that_was_done_is_exported_as_it_was(manifest, tmp_path, monkeypatch):
    """Killed as hard as can be after the last epoch, before anything was exported."""
    code = (
        "import os, signal; from pathlib import Path; from galaxypair import callbacks, io, pretrain\n"
        "callbacks.History.on_train_end = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"manifest = io.read_manifest(Path({str(manifest['paths'][0].parent / 'manifest.json')!r}))\n"
        f"pretrain.fit(manifest, Path({str(tmp_path / 'killed')!r}), 'image', {encoder_settings('image')!r}, "
        f"{IMAGE!r}, threads=1)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": "src"},
        check=False,
        capture_output=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    with monkeypatch.context() as patch:
        patch.setattr(pretrain.PretrainingTask, "training_step", lambda *_: pytest.fail("trained again"))
        resumed, rows = fit(manifest, tmp_path / "killed", "image")
    straight, expected = fit(manifest, tmp_path / "straight", "image")
    assert same(resumed, straight) and rows.equals(expected)


@pytest.mark.parametrize("modality", tables.MODALITIES)
def test_galaxies_that_lack_the_other_modality_are_trained_on(manifest, modality):
    other = {"image": "spectrum", "spectrum": "image"}[modality]
    with io.open_hdf5(manifest["paths"][0]) as file:
        stored = {name: values[:] for name, values in file.items()}
    folder = manifest["paths"][0].parent / f"lone_{modality}"
    io.write_arrays(folder / "a.h5", stored | {f"has_{other}": stored[f"has_{other}"] & False})
    lone = manifest | {"paths": [folder / "a.h5"]}
    settings = SMALL[modality] | {"batch_size": 2}
    train_loader, _ = pretrain._shard_loaders(lone, modality, settings, pin_memory=False)
    assert len(train_loader.dataset) == (stored["split"] == 0).sum()


def test_batch_larger_than_the_train_split_is_refused(manifest, tmp_path):
    with pytest.raises(ConfigError, match=r"fewer than one batch of 500.*pretrain\.image\.batch_size"):
        fit(manifest, tmp_path, "image", batch_size=500)


def test_diverging_pretraining_names_its_own_key(manifest, tmp_path):
    with pytest.raises(ConfigError, match=r"Lower `pretrain\.spectrum\.learning_rate`"):
        fit(manifest, tmp_path, "spectrum", learning_rate=1e30, warmup_steps=0)


def test_encoder_without_an_objective_is_refused():
    with pytest.raises(ConfigError, match=r"`model.image.encoder` is astrodino, which cannot be pretrained"):
        pretrain.build_objective("image", {"encoder": "astrodino"}, IMAGE, 20)


# --- the result in use ------------------------------------------------------------------------------


def export(folder, modality, part, weights):
    """What the script of the rule writes."""
    dataset = {"crop_px": 112, "splits": {"train": 20}, "fingerprint": "abc"}
    config = {"run": "first", "source": "simulate"}
    config |= pretrain.describe(modality, part, SMALL[modality], dataset, weights)
    write_weights(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "model.safetensors"


def made_weights(modality, part):
    torch.manual_seed(7)
    return pretrain.build_objective(modality, part, SMALL[modality], 20).exported()


@pytest.mark.parametrize("modality", tables.MODALITIES)
def test_pretrained_encoder_is_frozen_in_training_and_in_the_features(manifest, tmp_path, modality):
    part = encoder_settings(modality)
    weights = made_weights(modality, part)
    path = export(tmp_path, modality, part, weights)
    settings = copy.deepcopy(SETTINGS)
    settings[modality]["pretrained"] = "first"
    made, _ = train.fit(
        manifest, tmp_path / "t", settings, TRAIN | {"epochs": 1}, threads=1, weights={modality: path}
    )
    kept = made.encoders[modality].state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in kept.items())
    config = {"run": "second", "source": "simulate"}
    config |= train.describe(made, settings, TRAIN, manifest, {modality: path})
    assert config["frozen"] == [modality]
    told = model_card.training(config, torch_history())
    assert f"Frozen: the encoder of {modality} (compact), pretrained by run `first`" in told
    assert "published weights" not in told and "may hold this test split" in told
    loaded = features._load({modality: settings[modality]}, {modality: path}, "cpu")[modality]
    assert same(loaded.state_dict(), kept)


def torch_history():
    import pandas as pd

    return pd.DataFrame([dict.fromkeys(tables.HISTORY_COLUMNS, 1.0)])


def test_pretrained_encoder_that_is_not_frozen_is_where_training_starts(manifest, tmp_path):
    part = encoder_settings("spectrum")
    weights = made_weights("spectrum", part)
    path = export(tmp_path, "spectrum", part, weights)
    settings = copy.deepcopy(SETTINGS)
    settings["spectrum"] |= {"pretrained": "first", "frozen": False}
    rate = {"learning_rate": 1e-12, "weight_decay": 0.0}
    made, _ = train.fit(
        manifest, tmp_path / "t", settings, TRAIN | rate, threads=1, weights={"spectrum": path}
    )
    for name, value in made.encoders["spectrum"].named_parameters():
        torch.testing.assert_close(value, weights[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: part | {"compact": {"width": 8}}, r"has shape .* is expected"),
        (lambda part: part | {"crop_px": 48}, r"`crop_px: 32`, but the config sets 48"),
        (
            lambda part: {
                "encoder": "stein_resnet50",
                "crop_px": 32,
                "stein_resnet50": {"stretch": "raw", "output": "features"},
            },
            r"holds the encoder compact, but the config names stein_resnet50. Set `encoder: compact`",
        ),
    ],
)
def test_weights_of_another_encoder_are_refused(tmp_path, change, message):
    part = encoder_settings("image")
    path = export(tmp_path, "image", part, made_weights("image", part))
    wanted = change(part)
    encoder = model.build_encoder("image", wanted)
    with pytest.raises(DataError, match=message):
        checkpoints.load_encoder(encoder, wanted["encoder"], path)


@pytest.mark.parametrize(
    ("name", "message"),
    [("model.safetensors", "`--forcerun pretrain` added"), ("config.json", "copy the whole folder")],
)
@pytest.mark.parametrize("content", [None, b"", b"hi", b"{}"])
def test_damaged_files_are_refused(tmp_path, name, message, content):
    part = encoder_settings("image")
    path = export(tmp_path, "image", part, made_weights("image", part))
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        checkpoints.load_encoder(model.build_encoder("image", part), "compact", path)


@pytest.mark.parametrize(
    ("modality", "part", "output"),
    [
        (
            "image",
            {
                "encoder": "stein_resnet50",
                "crop_px": 96,
                "stein_resnet50": {"stretch": "stein_rgb", "output": "features"},
            },
            "projection",
        ),
        ("spectrum", {"encoder": "specformer", "specformer": {"output": "mean"}}, "tokens"),
    ],
)
def test_published_architectures_take_a_step_and_load_strictly_for_either_output(
    tmp_path, modality, part, output
):
    objective = pretrain.build_objective(modality, part, SMALL[modality], 8)
    before = copy.deepcopy(objective.exported())
    task = pretrain.PretrainingTask(objective, SMALL[modality], 1)
    optimiser = task.configure_optimizers()["optimizer"]
    batch = {"image": torch.rand(2, 3, 112, 112), **spectra_batch(), "row": torch.arange(2)}
    objective(batch, torch.Generator().manual_seed(1))[0].backward()
    optimiser.step()
    weights = objective.exported()
    trained = {name for name, p in objective.encoder.named_parameters()}
    assert all((weights[name] != before[name]).any() for name in trained)
    path = export(tmp_path, modality, part, weights)
    name = part["encoder"]
    for chosen in (part, part | {name: part[name] | {"output": output}}):
        encoder = model.build_encoder(modality, chosen)
        checkpoints.load_encoder(encoder, name, path)
        assert all(torch.equal(value, weights[key]) for key, value in encoder.state_dict().items())
    if modality == "image":
        assert {key for key in weights if key.startswith("fc.")} == {
            f"fc.{i}.{kind}" for i in (0, 2) for kind in ("weight", "bias")
        }
