import copy
import sys

import numpy as np
import pytest
import torch
from test_model import SETTINGS
from test_train_embed import TRAIN, make_manifest, weights

from galaxypair import callbacks, checkpoints, contrastive, features, loaders, model, tables, train
from galaxypair.errors import ConfigError, DataError
from galaxypair.frozen import cached_modalities, frozen_modalities

VIEWS = {
    "seed": 1,
    "views": 3,
    "feature_dtype": "float32",
    "image_augmentations": True,
    "image_rotation_deg": 0,
    "spectrum_augmentations": False,
}
QUIET = {**TRAIN, "image_augmentations": False, "spectrum_augmentations": False}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_manifest(tmp_path_factory.mktemp("dataset"))


def frozen_settings(*modalities):
    settings = copy.deepcopy(SETTINGS)
    for modality in modalities:
        settings[modality]["frozen"] = True
    return settings


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Weights of the two compact encoders, in files that can be loaded as published ones are."""
    torch.manual_seed(5)
    made = model.build(SETTINGS)
    made.train()
    with torch.no_grad():  # a step, so that the statistics of BatchNorm are none of a new network
        made.embed("image", torch.rand(8, 3, 40, 40))
        made.embed("spectrum", torch.rand(8, 7781) + 1)
    files = {m: tmp_path / f"{m}.ckpt" for m in tables.MODALITIES}
    for modality, path in files.items():
        torch.save(made.encoders[modality].state_dict(), path)
    monkeypatch.setitem(checkpoints.ENCODERS, "compact", lambda path: torch.load(path, weights_only=True))
    return files


def build(manifest, split, path, published, modalities=tables.MODALITIES, **changes):
    features.build(
        manifest,
        split,
        path,
        encoders={m: SETTINGS[m] for m in modalities},
        settings=VIEWS | changes,
        weights={m: published[m] for m in modalities},
        device="cpu",
        code=[],
    )
    return features.read(path, manifest, split)


@pytest.fixture
def cached(manifest, tmp_path, published):
    def make(modalities=tables.MODALITIES, **changes):
        paths = {split: tmp_path / f"{split}.h5" for split in ("train", "val")}
        for split, path in paths.items():
            build(manifest, split, path, published, modalities, **changes)
        return paths

    return make


# --- the features -----------------------------------------------------------------------------------


def test_first_view_is_the_plain_galaxy_and_further_ones_are_augmented(manifest, tmp_path, published):
    found = build(manifest, "train", tmp_path / "train.h5", published)
    dataset = loaders.ShardDataset(manifest, "train")
    batch = dataset.__getitems__(range(len(dataset)))
    for modality, views in (("image", 3), ("spectrum", 1)):
        encoder = model.build_encoder(modality, SETTINGS[modality]).eval()
        encoder.load_state_dict(torch.load(published[modality], weights_only=True))
        assert found[modality].shape == (len(dataset), views, encoder.n_features)
        with torch.inference_mode():
            plain = encoder(batch[modality], batch["z"])
        torch.testing.assert_close(found[modality][:, 0], plain)
    distances = torch.cdist(found["image"], found["image"])  # between the views of each galaxy
    assert (distances + torch.eye(3) > 1e-4).all()


def test_weights_that_are_read_are_not_drawn_before(published):
    before = torch.get_rng_state()
    made = features._load({m: SETTINGS[m] for m in tables.MODALITIES}, published, "cpu")
    assert torch.equal(torch.get_rng_state(), before)
    for modality, path in published.items():
        state = torch.load(path, weights_only=True)
        assert all(torch.equal(v, state[k]) for k, v in made[modality].state_dict().items())


def test_validation_has_one_view(manifest, tmp_path, published):
    found = build(manifest, "val", tmp_path / "val.h5", published)
    assert {m: values.shape[1] for m, values in found.items()} == {"image": 1, "spectrum": 1}


def test_single_view_needs_no_settings_of_augmentations(manifest, tmp_path, published, monkeypatch):
    """As rule `features` hands them over."""
    monkeypatch.setattr(sys.modules[__name__], "VIEWS", {"views": 1, "feature_dtype": "float32"})
    found = build(manifest, "train", tmp_path / "f.h5", published)
    assert {m: values.shape[1] for m, values in found.items()} == {"image": 1, "spectrum": 1}


def test_views_are_drawn_by_the_seed_and_not_by_the_order_of_work(manifest, tmp_path, published):
    a, b, c = (
        build(manifest, "train", tmp_path / "f.h5", published, seed=seed)["image"] for seed in (1, 1, 2)
    )
    assert torch.equal(a, b)
    assert torch.equal(a[:, 0], c[:, 0]) and not torch.equal(a[:, 1], c[:, 1])


def test_interrupted_features_go_on_at_the_shard_where_they_stopped(
    manifest, tmp_path, published, monkeypatch
):
    expected = build(manifest, "train", tmp_path / "straight.h5", published)
    real, seen = features._encode, []

    def encode(made, n_views, batch, settings, place):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(place[0])
        return real(made, n_views, batch, settings, place)

    monkeypatch.setattr(features, "_encode", encode)
    with pytest.raises(KeyboardInterrupt):
        build(manifest, "train", tmp_path / "train.h5", published)
    assert not (tmp_path / "train.h5").exists()
    first = list(seen)
    seen[:] = [-1] * 3
    found = build(manifest, "train", tmp_path / "train.h5", published)
    assert set(first) & set(seen[3:]) == set()
    assert all(torch.equal(found[m], expected[m]) for m in tables.MODALITIES)
    assert not list(tmp_path.glob(".finished*"))


@pytest.mark.parametrize("change", ["settings", "weights"])
def test_parts_of_another_cache_are_not_taken_up(manifest, tmp_path, published, monkeypatch, change):
    with monkeypatch.context() as patch:
        patch.setattr(features, "_join", lambda *_: pytest.fail("never"))
        with pytest.raises(pytest.fail.Exception):
            build(manifest, "train", tmp_path / "train.h5", published)
    changes = {"seed": 2} if change == "settings" else {}
    if change == "weights":
        state = torch.load(published["image"], weights_only=True)
        torch.save({k: v * 1.5 if v.is_floating_point() else v for k, v in state.items()}, published["image"])
    found = build(manifest, "train", tmp_path / "train.h5", published, **changes)
    expected = build(manifest, "train", tmp_path / "again.h5", published, **changes)
    assert torch.equal(found["image"], expected["image"])


def test_feature_that_float16_cannot_hold_is_refused_with_the_key_to_change(manifest, tmp_path, published):
    state = torch.load(published["spectrum"], weights_only=True)
    torch.save({k: v * 1e6 if k == "mix.0.weight" else v for k, v in state.items()}, published["spectrum"])
    with pytest.raises(
        ConfigError, match=r"spectrum encoder is .*float16 cannot.*`train.feature_dtype` to f"
    ):
        build(manifest, "train", tmp_path / "train.h5", published, feature_dtype="float16")


def test_features_of_other_galaxies_are_refused(manifest, tmp_path, published):
    build(manifest, "val", tmp_path / "val.h5", published)
    with pytest.raises(
        DataError, match=r"val.h5`: holds the features of other galaxies .*`--forcerun features`"
    ):
        features.read(tmp_path / "val.h5", manifest, "train")


# --- training on them -------------------------------------------------------------------------------


@pytest.mark.parametrize("modalities", [("image", "spectrum"), ("image",), ("spectrum",)])
def test_heads_trained_on_the_cache_equal_those_trained_on_every_step_s_features(
    manifest, tmp_path, published, cached, modalities
):
    settings = frozen_settings(*modalities)
    files = {m: published[m] for m in modalities}
    fit = {"threads": 1, "weights": files}
    a, rows = train.fit(manifest, tmp_path / "a", settings, QUIET, cached=cached(modalities, views=1), **fit)
    b, expected = train.fit(manifest, tmp_path / "b", settings, QUIET, **fit)
    np.testing.assert_allclose(rows["val_loss"], expected["val_loss"], rtol=1e-4)
    # a spectrum encoder that trains on looks at its most probable redshift, where rounding may decide
    torch.testing.assert_close(weights(a), weights(b), atol=5e-3, rtol=1e-3)


def test_frozen_encoders_leave_the_training_as_they_entered_it(manifest, tmp_path, published):
    """In every step, BatchNorm and dropout in evaluation mode, though Lightning sets the model to train."""
    made, _ = train.fit(
        manifest, tmp_path / "t", frozen_settings("image", "spectrum"), TRAIN, threads=1, weights=published
    )
    for modality, path in published.items():
        state = torch.load(path, weights_only=True)
        assert all(torch.equal(v, state[k]) for k, v in made.encoders[modality].state_dict().items())
    saved = torch.load(tmp_path / "t" / "last.ckpt", weights_only=True)["state_dict"]
    assert {name.rpartition(".")[0] for name in saved} == {"model.heads.image", "model.heads.spectrum"}


def test_frozen_encoder_stays_in_evaluation_mode_and_the_rest_does_not():
    made = model.build(SETTINGS)
    made.freeze(["spectrum"])
    made.train()
    assert not any(part.training for part in made.encoders["spectrum"].modules())
    assert made.encoders["image"].training and made.heads["spectrum"].training
    assert not any(p.requires_grad for p in made.encoders["spectrum"].parameters())


def test_exported_model_embeds_raw_data_as_its_cache_did(manifest, tmp_path, published, cached):
    settings = frozen_settings("image", "spectrum")
    paths = cached(views=1)
    made, _ = train.fit(manifest, tmp_path / "t", settings, QUIET, threads=1, weights=published, cached=paths)
    dataset = loaders.ShardDataset(manifest, "val")
    batch = dataset.__getitems__(range(len(dataset)))
    found = features.read(paths["val"], manifest, "val")
    with torch.inference_mode():
        for m in tables.MODALITIES:
            embedded = made.embed(m, batch[m], batch["z"])
            torch.testing.assert_close(embedded, made.heads[m](found[m][:, 0]), atol=1e-5, rtol=1e-4)


@pytest.fixture
def fit(manifest, published, cached):
    paths = cached()

    def run(folder, settings):
        frozen = frozen_settings("image", "spectrum")
        return train.fit(manifest, folder, frozen, settings, threads=1, weights=published, cached=paths)

    return run


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "plateau", "learning_rate": 1e-6},
        {"schedule": "cosine", "loss": "sigmoid"},
        {"optimizer": "adam", "learnable_scale": True},
    ],
    ids=str,
)
def test_interrupted_training_on_the_cache_ends_as_an_undisturbed_one(tmp_path, monkeypatch, fit, changes):
    settings = {**TRAIN, "epochs": 6, **changes}

    def stop(self, trainer, *_):
        if trainer.current_epoch == 3:
            raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.History, "on_train_epoch_start", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            fit(tmp_path / "stopped", settings)
    resumed, rows = fit(tmp_path / "stopped", settings)
    straight, expected = fit(tmp_path / "straight", settings)
    assert rows.equals(expected)
    assert rows["learning_rate"].nunique() > 1
    assert torch.equal(weights(resumed), weights(straight))


def test_each_step_draws_a_view_of_each_galaxy():
    settings = frozen_settings("image", "spectrum")
    values = torch.arange(3.0).view(1, 3, 1).expand(6, 3, 32)
    task = contrastive.ContrastiveTask(settings, TRAIN, 1, {"train": {"image": values}})
    task.model.heads["image"] = torch.nn.Identity()
    batch, seen = {"row": torch.arange(6)}, []
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        seen.append(task._embed("image", "train", batch, generator)[:, 0])
    drawn = torch.stack(seen)
    assert set(drawn.flatten().tolist()) == {0.0, 1.0, 2.0}
    assert (drawn != drawn[:, :1]).any() and (drawn != drawn[:1]).any()


@pytest.mark.parametrize(
    ("encoder", "frozen", "expected"),
    [
        ("compact", "auto", False),
        ("spender", "auto", True),
        ("spender", False, False),
        ("compact", True, True),
    ],
)
def test_encoders_with_published_weights_are_frozen_unless_said_otherwise(encoder, frozen, expected):
    settings = copy.deepcopy(SETTINGS)
    settings["spectrum"] |= {"encoder": encoder, "frozen": frozen}
    assert ("spectrum" in frozen_modalities(settings)) is expected


@pytest.mark.parametrize(
    ("encoder", "output", "frozen", "expected"),
    [
        ("specformer", "mean", "auto", True),
        ("specformer", "mean", False, False),
        ("specformer", "tokens", "auto", False),
        ("aion", "mean", "auto", True),
        ("aion", "tokens", True, False),
    ],
)
def test_features_are_stored_of_frozen_encoders_that_give_one_vector(encoder, output, frozen, expected):
    settings = copy.deepcopy(SETTINGS)
    settings["spectrum"] |= {"encoder": encoder, "frozen": frozen, encoder: {"output": output}}
    assert cached_modalities(settings) == (["spectrum"] if expected else [])
