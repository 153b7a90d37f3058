import errno
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from factories import make_dataset, make_joint
from test_model import SETTINGS
from test_preprocess import CUTS

from galaxypair import callbacks, embed, io, loaders, model, preprocess, quality, saving, train, training
from galaxypair.encoders.compact import CompactSpectrumEncoder
from galaxypair.errors import ConfigError, DataError

TRAIN = {
    "seed": 1,
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "gradient_clip": None,
    "schedule": "one_cycle",
    "warmup_steps": 0,
    "cosine_steps": None,
    "final_learning_rate": 0,
    "plateau": {"factor": 0.5, "patience": 0},
    "early_stop_epochs": None,
    "loss": "info_nce",
    "learnable_scale": False,
    "accelerator": "cpu",
    "devices": 1,
    "nodes": 1,
    "checkpoint_minutes": None,
    "precision": "32-true",
    "compile": False,
    "image_augmentations": True,
    "image_rotation_deg": 0,
    "spectrum_augmentations": True,
    "views": 1,
    "feature_dtype": "float32",
    "wandb_project": None,
}


def make_manifest(folder):
    """Three shards of noise galaxies."""
    joint = make_joint(folder / "joint.h5", n_per_group=20, groups=2)
    cuts = quality.Cuts(**{**vars(CUTS), "shard_rows": 15})
    _, made = preprocess.build_dataset(joint, folder, cuts, {"train_fraction": 0.8, "val_fraction": 0.3}, {})
    joint.unlink()
    io.write_text(json.dumps(made), folder / "manifest.json")
    return io.read_manifest(folder / "manifest.json")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_manifest(tmp_path_factory.mktemp("dataset"))


MID_EPOCH = {**TRAIN, "batch_size": 4, "epochs": 2, "schedule": "plateau"}


@pytest.fixture(scope="module")
def straight(manifest, tmp_path_factory):
    return train.fit(manifest, tmp_path_factory.mktemp("straight"), SETTINGS, MID_EPOCH, threads=1)


def weights(made):
    return torch.cat([p.detach().flatten() for p in made.state_dict().values() if p.is_floating_point()])


def test_two_trainings_give_the_same_weights(manifest, tmp_path):
    a, rows = train.fit(manifest, tmp_path / "a", SETTINGS, TRAIN, threads=1)
    b, _ = train.fit(manifest, tmp_path / "b", SETTINGS, TRAIN, threads=1)
    assert torch.equal(weights(a), weights(b))
    assert rows["epoch"].tolist() == [1, 2, 3]


def test_killed_training_resumes_to_the_weights_of_an_undisturbed_one(manifest, tmp_path):
    """Stop after the second epoch as a kill would, start again: same weights, same history."""
    code = (
        "import os, signal; from pathlib import Path; from galaxypair import callbacks, io, train\n"
        "def kill(self, trainer, *_):\n"
        "    if trainer.current_epoch == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "callbacks.History.on_train_epoch_start = kill\n"
        f"manifest = io.read_manifest(Path({str(manifest['paths'][0].parent / 'manifest.json')!r}))\n"
        f"train.fit(manifest, Path({str(tmp_path / 'killed')!r}), {SETTINGS!r}, {TRAIN!r}, threads=1)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": "src"},
        check=False,
        capture_output=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert (tmp_path / "killed" / "last.ckpt").exists()
    resumed, rows = train.fit(manifest, tmp_path / "killed", SETTINGS, TRAIN, threads=1)
    straight, expected = train.fit(manifest, tmp_path / "straight", SETTINGS, TRAIN, threads=1)
    assert torch.equal(weights(resumed), weights(straight))
    assert rows.equals(expected)


@pytest.mark.parametrize("step", [1, 6, 8])
def test_training_asked_to_end_in_mid_epoch_resumes_to_that_of_an_undisturbed_one(
    manifest, straight, tmp_path, monkeypatch, step
):
    """By a signal after a step; after the last of an epoch, the sixth, the training ends one later."""
    count = callbacks.History.on_train_batch_end

    def count_and_ask(self, trainer, *_):
        count(self, trainer)
        if trainer.global_step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    listening = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(callbacks.History, "on_train_batch_end", count_and_ask)
        train.fit(manifest, tmp_path, SETTINGS, MID_EPOCH, threads=1)
    assert signal.getsignal(signal.SIGTERM) == listening[0]
    signal.signal(signal.SIGINT, listening[1])  # Lightning has switched it off
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert kept["global_step"] == (7 if step == 6 else step)
    resumed, rows = train.fit(manifest, tmp_path, SETTINGS, MID_EPOCH, threads=1)
    assert torch.equal(weights(resumed), weights(straight[0]))
    assert rows.equals(straight[1])


def test_checkpoints_within_an_epoch_come_by_the_clock(manifest, straight, tmp_path, monkeypatch):
    """A kill loses the steps since the last of them; the training goes on to the same end."""
    steps = []
    save = callbacks.AtomicCheckpoints.save_checkpoint

    def save_and_fail(self, checkpoint, path, storage_options=None):
        save(self, checkpoint, path, storage_options)
        steps.append(checkpoint["global_step"])
        if len(steps) == 3:
            raise OSError(errno.EIO, "a kill, say")

    settings = {**MID_EPOCH, "checkpoint_minutes": 1e-9}
    with monkeypatch.context() as patched, pytest.raises(OSError, match="a kill"):
        patched.setattr(callbacks.AtomicCheckpoints, "save_checkpoint", save_and_fail)
        train.fit(manifest, tmp_path, SETTINGS, settings, threads=1)
    assert steps == [1, 2, 3]
    resumed, rows = train.fit(manifest, tmp_path, SETTINGS, settings, threads=1)
    assert torch.equal(weights(resumed), weights(straight[0]))
    assert rows.equals(straight[1])


def test_bf16_is_a_config_value_away(manifest, tmp_path):
    settings = {**TRAIN, "epochs": 1, "precision": "bf16-mixed"}
    made, rows = train.fit(manifest, tmp_path, SETTINGS, settings, threads=1)
    assert np.isfinite(rows["val_loss"]).all()
    assert all(p.dtype == torch.float32 for p in made.parameters())


def test_state_key_changes_with_all_that_shapes_a_training(tmp_path):
    module = tmp_path / "m.py"
    module.write_text("a = 1")
    key = training.state_key(SETTINGS, TRAIN, "data", [module])
    assert key == training.state_key(SETTINGS, {**TRAIN, "accelerator": "gpu"}, "data", [module])
    assert key == training.state_key(SETTINGS, {**TRAIN, "devices": 4, "nodes": 2}, "data", [module])
    assert key != training.state_key(SETTINGS, {**TRAIN, "seed": 2}, "data", [module])
    assert key != training.state_key({**SETTINGS, "logit_scale": 2.7}, TRAIN, "data", [module])
    assert key != training.state_key(SETTINGS, TRAIN, "other data", [module])
    module.write_text("a = 2")
    assert key != training.state_key(SETTINGS, TRAIN, "data", [module])


def test_second_process_on_one_training_is_refused(tmp_path):
    with training.only_writer(tmp_path), pytest.raises(DataError, match="another process"):
        with training.only_writer(tmp_path):
            pass


def test_batch_larger_than_the_train_split_is_refused(manifest, tmp_path):
    with pytest.raises(ConfigError, match=r"fewer than one batch of 500.*train\.batch_size"):
        train.fit(manifest, tmp_path, SETTINGS, {**TRAIN, "batch_size": 500}, threads=1)


def test_val_split_of_one_galaxy_is_refused(tmp_path):
    split = np.array(["train"] * 6 + ["val"])
    made = io.read_manifest(make_dataset(tmp_path, np.arange(7), np.full(7, 0.1), split))
    with pytest.raises(DataError, match=r"The val split has 1 galaxies .* Raise `split.val_fraction`"):
        train.fit(made, tmp_path, SETTINGS, {**TRAIN, "batch_size": 2}, threads=1)


def test_diverging_training_stops_with_the_key_to_lower(manifest, tmp_path):
    with pytest.raises(ConfigError, match=r"no longer a number after epoch 1 .* Lower `train.learning_rate`"):
        train.fit(manifest, tmp_path, SETTINGS, {**TRAIN, "learning_rate": 1e30}, threads=1)


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"PK\3\4 cut short"])
def test_damaged_checkpoint_names_the_folder_to_remove(manifest, tmp_path, garbage):
    (tmp_path / "last.ckpt").write_bytes(garbage)
    with pytest.raises(DataError, match=r"last.ckpt`: cannot be read as a checkpoint .*`rm -r "):
        train.fit(manifest, tmp_path, SETTINGS, TRAIN, threads=1)


def test_checkpoint_that_fails_half_way_leaves_the_older_one_whole(tmp_path, monkeypatch):
    def full_disk(_, file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "last.ckpt"
    callbacks.AtomicCheckpoints().save_checkpoint({"epoch": 1}, str(path))
    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        callbacks.AtomicCheckpoints().save_checkpoint({"epoch": 2}, str(path))
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_gpu_that_is_not_there_is_refused(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"`train.accelerator` is gpu, but PyTorch finds no CUDA device"):
        train.fit(manifest, tmp_path, SETTINGS, {**TRAIN, "accelerator": "gpu"}, threads=1)


def test_gpu_without_float64_is_left_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert training.choose_accelerator("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert training.choose_accelerator("auto") == "gpu"
    assert training.choose_accelerator("cpu") == "cpu"


def test_chance_is_that_of_the_batches_in_use(manifest, tmp_path):
    _, rows = train.fit(manifest, tmp_path, SETTINGS, {**TRAIN, "epochs": 1, "batch_size": 16}, threads=1)
    n_val = len(loaders.ShardDataset(manifest, "val"))
    assert 1 < n_val < 16
    assert rows["chance_loss"][0] == pytest.approx(np.log(16))
    assert rows["chance_val_loss"][0] == pytest.approx(np.log(n_val))


def test_more_shards_than_files_may_be_open_are_read_alike(manifest, monkeypatch):
    rows = list(range(len(loaders.ShardDataset(manifest, "train"))))
    expected = loaders.ShardDataset(manifest, "train").__getitems__(rows)
    monkeypatch.setattr(loaders, "OPEN_FILES", 1)
    thrifty = loaders.ShardDataset(manifest, "train")
    for _ in range(2):
        assert torch.equal(thrifty.__getitems__(rows)["spectrum"], expected["spectrum"])
        assert len(thrifty._open_files) == 1


def test_every_epoch_sees_each_galaxy_once_in_another_order():
    sampler = loaders.EpochSampler(50, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second


def test_validation_batches_mix_the_groups_and_are_the_same_in_each_epoch(manifest):
    val = loaders.ShardDataset(manifest, "val")
    order = loaders.fixed_order(len(val), seed=1)
    assert sorted(order) == list(range(len(val)))
    batches = loaders.loader(val, loaders.Share(order, 4))
    first, again = (torch.cat([batch["spectrum"] for batch in batches]) for _ in range(2))
    assert torch.equal(first, again)
    in_file_order = val.__getitems__([0, 1, 2, 3])["spectrum"]
    assert not torch.equal(first[:4], in_file_order)


def test_embeddings_do_not_depend_on_the_batch_size_and_repeat_exactly(manifest, tmp_path):
    torch.manual_seed(0)
    made = model.build(SETTINGS)
    for name, size in (("a", 4), ("b", 4), ("c", 64)):
        embed.embed_split(manifest, made, "train", tmp_path / f"{name}.parquet", size)
    a, b, c = (io.read_embeddings(tmp_path / f"{name}.parquet") for name in "abc")
    np.testing.assert_array_equal(a.raw["image"], b.raw["image"])
    np.testing.assert_allclose(a.raw["spectrum"], c.raw["spectrum"], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(a.unit["image"], axis=1), 1, atol=1e-5)
    assert len(a.targetid) == manifest["splits"]["train"]


def test_encoders_are_given_the_redshifts_of_their_galaxies(manifest, tmp_path, monkeypatch):
    """In training and in embedding: preprocessing such as spender's own depends on them."""
    seen = []
    real = CompactSpectrumEncoder.prepare

    def prepare(self, raw, z=None):
        seen.extend(zip(raw[:, 100].tolist(), z.tolist(), strict=True))
        return real(self, raw, z)

    monkeypatch.setattr(CompactSpectrumEncoder, "prepare", prepare)
    shards = io.iter_shards(manifest, ["spectrum", "z"])
    pairs = (zip(b["spectrum"][:, 100].tolist(), b["z"].tolist(), strict=True) for b in shards)
    stored = {pair for batch in pairs for pair in batch}
    settings = {**TRAIN, "epochs": 1, "spectrum_augmentations": False}
    made, _ = train.fit(manifest, tmp_path / "state", SETTINGS, settings, threads=1)
    assert len(seen) > 0 and set(seen) <= stored
    seen.clear()
    embed.embed_split(manifest, made, "test", tmp_path / "test.parquet", 8)
    assert len(set(seen)) == manifest["splits"]["test"] and set(seen) <= stored


def test_absent_modality_is_embedded_as_nan():
    made = model.build(SETTINGS).eval()
    batch = {
        "image": np.zeros((2, 64, 64, 3), np.float32),
        "spectrum": np.ones((2, 7781), np.float32),
        "z": np.array([0.1, 0.2], np.float32),
        "has_image": np.array([True, False]),
        "has_spectrum": np.array([True, True]),
    }
    out = embed.embed_batch(made, batch)
    assert np.isnan(out["image"][1]).all()
    assert np.isfinite(out["image"][0]).all() and np.isfinite(out["spectrum"]).all()


@pytest.mark.parametrize("every_s", [0, 30])
def test_training_stopped_after_epochs_that_were_not_saved_repeats_them(
    manifest, tmp_path, monkeypatch, every_s
):
    monkeypatch.setattr(saving, "SAVE_EVERY_S", every_s)

    def stop(self, trainer, *_):
        if trainer.current_epoch == 3:
            raise RuntimeError("stopped")

    settings = {**TRAIN, "epochs": 5}
    with monkeypatch.context() as patch:
        patch.setattr(callbacks.History, "on_train_epoch_start", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            train.fit(manifest, tmp_path / "stopped", SETTINGS, settings, threads=1)
    last = torch.load(tmp_path / "stopped" / "last.ckpt", weights_only=True)
    assert last["epoch"] == (2 if every_s == 0 else 0)
    resumed, rows = train.fit(manifest, tmp_path / "stopped", SETTINGS, settings, threads=1)
    straight, expected = train.fit(manifest, tmp_path / "straight", SETTINGS, settings, threads=1)
    assert torch.equal(weights(resumed), weights(straight))
    assert rows.equals(expected)
