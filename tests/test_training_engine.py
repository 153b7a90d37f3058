"""What drives a training beside model and loss: schedules, stopping, speed and where curves go."""

import math
import os
import signal
import subprocess
import sys
import time
import types

import pandas as pd
import pytest
import torch
from test_model import SETTINGS
from test_train_embed import TRAIN, make_manifest, weights

from galaxypair import (
    callbacks,
    experiment_logs,
    loaders,
    model,
    schedules,
    tables,
    throughput,
    train,
    training,
)
from galaxypair.contrastive import ContrastiveTask
from galaxypair.errors import ConfigError

COSINE = {**TRAIN, "schedule": "cosine", "warmup_steps": 2, "final_learning_rate": 1e-4}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_manifest(tmp_path_factory.mktemp("dataset"))


def rates(settings, steps, total=100):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], settings["learning_rate"])
    schedule = schedules.build(optimiser, settings, total)["scheduler"]
    seen = []
    for _ in range(steps):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return seen


def test_cosine_rises_in_a_line_falls_by_half_a_cosine_and_stays():
    settings = {**COSINE, "warmup_steps": 4, "cosine_steps": 14}
    seen = rates(settings, 20)
    assert seen[:5] == pytest.approx([0, 0.25e-3, 0.5e-3, 0.75e-3, 1e-3])
    assert seen[9] == pytest.approx((1e-3 + 1e-4) / 2)
    assert seen[12] == pytest.approx(1e-4 + 0.9e-3 * (1 + math.cos(0.8 * math.pi)) / 2)
    assert seen[14:] == pytest.approx([1e-4] * 6)


def test_cosine_without_further_settings_is_that_of_pytorch():
    seen = rates({**COSINE, "warmup_steps": 0, "final_learning_rate": 0}, 10, total=10)
    expected = [1e-3 * (1 + math.cos(math.pi * step / 10)) / 2 for step in range(10)]
    assert seen == pytest.approx(expected)


def test_warm_up_longer_than_the_cosine_is_refused():
    with pytest.raises(ConfigError, match=r"`train.warmup_steps` is 12, but .* 10 batches"):
        rates({**COSINE, "warmup_steps": 12}, 1, total=10)


def test_gradients_are_clipped(manifest, tmp_path):
    """Steps of plain length 0 leave the weights where they were; decay is off."""
    settings = {**TRAIN, "epochs": 1, "gradient_clip": 1e-30, "weight_decay": 0.0}
    torch.manual_seed(0)
    made, _ = train.fit(manifest, tmp_path / "a", SETTINGS, settings, threads=1)
    free, _ = train.fit(manifest, tmp_path / "b", SETTINGS, {**settings, "gradient_clip": None}, threads=1)
    torch.manual_seed(settings["seed"])
    start = ContrastiveTask(SETTINGS, settings, 1).model
    moved = [
        max((p - q).abs().max() for p, q in zip(m.parameters(), start.parameters(), strict=True))
        for m in (made, free)
    ]
    assert moved[0] < 1e-9
    assert moved[1] > 1e-5


def killed(folder, manifest, settings, epoch):
    """Train in another process that kills itself as an epoch starts; all before it is saved."""
    code = (
        "import os, signal; from pathlib import Path; from galaxypair import callbacks, io, train\n"
        "def kill(self, trainer, *_):\n"
        f"    if trainer.current_epoch == {epoch}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "callbacks.History.on_train_epoch_start = kill\n"
        f"manifest = io.read_manifest(Path({str(manifest['paths'][0].parent / 'manifest.json')!r}))\n"
        f"train.fit(manifest, Path({str(folder)!r}), {SETTINGS!r}, {settings!r}, threads=1)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": "src"},
        check=False,
        capture_output=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def test_resumed_training_equals_an_undisturbed_one_and_keeps_its_speeds(manifest, tmp_path):
    """With warm-up, clipping and a patience."""
    settings = {**COSINE, "gradient_clip": 0.5, "early_stop_epochs": 5}
    killed(tmp_path / "killed", manifest, settings, epoch=1)
    before = throughput.read(tmp_path / "killed")
    resumed, rows = train.fit(manifest, tmp_path / "killed", SETTINGS, settings, threads=1)
    straight, expected = train.fit(manifest, tmp_path / "straight", SETTINGS, settings, threads=1)
    assert torch.equal(weights(resumed), weights(straight))
    pd.testing.assert_frame_equal(rows, expected, check_exact=True)
    after = throughput.read(tmp_path / "killed")
    assert after["epoch"].tolist() == [1, 2, 3]
    pd.testing.assert_frame_equal(after[:1], before, check_exact=True)


def test_throughput_counts_what_was_trained(manifest, tmp_path):
    train.fit(manifest, tmp_path, SETTINGS, {**TRAIN, "epochs": 2}, threads=1)
    rows = throughput.read(tmp_path)
    assert tuple(rows.columns) == tables.THROUGHPUT_COLUMNS
    assert (rows["pairs_per_s"] > 0).all()
    assert rows["waiting_share"].between(0, 1).all()
    assert rows["peak_memory_gb"].between(0.05, 50).all()
    assert rows["peak_gpu_memory_gb"].isna().all()


def test_time_spent_waiting_is_told(manifest, tmp_path, monkeypatch):
    real = loaders.ShardDataset.__getitems__

    def slow(self, indices):
        time.sleep(0.3)
        return real(self, indices)

    monkeypatch.setattr(loaders.ShardDataset, "__getitems__", slow)
    train.fit(manifest, tmp_path, SETTINGS, {**TRAIN, "epochs": 1}, threads=1)
    assert throughput.read(tmp_path)["waiting_share"][0] > 0.3


def test_training_stops_when_validation_gets_no_better(manifest, tmp_path, caplog):
    settings = {**TRAIN, "epochs": 40, "learning_rate": 1e-12, "weight_decay": 0.0, "early_stop_epochs": 2}
    settings |= {"image_augmentations": False, "spectrum_augmentations": False, "schedule": "plateau"}
    with caplog.at_level("INFO", "galaxypair.callbacks"):
        _, rows = train.fit(manifest, tmp_path, SETTINGS, settings, threads=1)
    assert 3 <= len(rows) < 40
    assert "no lower validation loss for 2 epochs" in caplog.text
    _, again = train.fit(manifest, tmp_path, SETTINGS, settings, threads=1)  # killed before its export
    pd.testing.assert_frame_equal(rows, again, check_exact=True)


def test_patience_is_over_when_it_was_over_before_the_resume():
    patience = callbacks.Patience(3)
    trainer = types.SimpleNamespace(should_stop=False)
    patience.on_train_start(trainer)
    assert not trainer.should_stop
    patience.wait_count = 3
    patience.on_train_start(trainer)
    assert trainer.should_stop


def test_compiling_leaves_the_names_of_the_weights(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **_: compiled.append(self))
    task = ContrastiveTask(SETTINGS, TRAIN, 1)
    task.compile_parts()
    assert compiled == [*task.model.encoders.values(), *task.model.heads.values()]
    assert list(task.model.state_dict()) == list(model.build(SETTINGS).state_dict())


def test_wandb_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"`train.wandb_project` is galaxies, .*pip install wandb"):
        experiment_logs.make(tmp_path, "galaxies")


@pytest.mark.parametrize(
    ("key", "reachable", "offline"),
    [("k", True, [False]), ("k", False, [False, True]), (None, True, [True])],
)
def test_wandb_stays_offline_without_key_or_network(tmp_path, monkeypatch, key, reachable, offline):
    class Unreachable(Exception):
        pass

    started = []

    class Fake:
        def __init__(self, *, project, version, save_dir, offline):
            assert (project, version, save_dir) == ("galaxies", tmp_path.name, tmp_path)
            self.offline = offline

        @property
        def experiment(self):
            started.append(self.offline)
            if not (reachable or self.offline):
                raise Unreachable("no route")

    fake = types.SimpleNamespace(
        api=types.SimpleNamespace(api_key=key), errors=types.SimpleNamespace(Error=Unreachable)
    )
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setattr(experiment_logs, "WandbLogger", Fake)
    made = experiment_logs.make(tmp_path, "galaxies")
    assert started == offline
    assert made[-1].offline == offline[-1]


def test_project_of_wandb_does_not_start_a_training_anew():
    key = training.state_key(SETTINGS, TRAIN, "data", [])
    assert key == training.state_key(SETTINGS, {**TRAIN, "wandb_project": "galaxies"}, "data", [])


def test_image_encoders_with_convolutions_are_in_channels_last_order(tmp_path):
    for name in ("compact", "stein_resnet50"):
        settings = {**SETTINGS, "image": {**SETTINGS["image"], "encoder": name, name: {}}}
        made = model.build_empty(settings).encoders["image"]
        kernels = [p for p in made.parameters() if p.ndim == 4]
        assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)
        prepared = made.prepare(torch.rand(2, 3, 112, 112))[0]
        assert prepared.is_contiguous(memory_format=torch.channels_last)
