"""When trainings are saved, and that it changes nothing."""

import copy

import pytest
import torch
from test_features import QUIET, frozen_settings
from test_train_embed import make_manifest, weights

from galaxypair import callbacks, saving, train

SETTINGS = {**QUIET, "epochs": 5}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_manifest(tmp_path_factory.mktemp("dataset"))


@pytest.fixture
def written(monkeypatch):
    """Names of the checkpoints in the order in which they are written."""
    names = []
    real = callbacks.AtomicCheckpoints.save_checkpoint

    def save(self, checkpoint, path, storage_options=None):
        names.append(path.name)
        real(self, checkpoint, path, storage_options)

    monkeypatch.setattr(callbacks.AtomicCheckpoints, "save_checkpoint", save)
    return names


def fit(manifest, folder, **changes):
    return train.fit(manifest, folder, frozen_settings("image"), SETTINGS | changes, threads=1)


def test_short_epochs_are_saved_after_the_first_and_the_last_the_best_before(manifest, tmp_path, written):
    fit(manifest, tmp_path, learning_rate=1e-3)
    assert written in (["best.ckpt", "last.ckpt"] * 2, ["best.ckpt", "last.ckpt", "last.ckpt"])


def test_long_epochs_are_saved_each(manifest, tmp_path, written, monkeypatch):
    monkeypatch.setattr(saving, "SAVE_EVERY_S", 0)
    fit(manifest, tmp_path)
    assert written.count("last.ckpt") == 5


@pytest.mark.parametrize("every_s", [0, 30])
def test_best_epoch_is_given_however_often_it_is_saved(manifest, tmp_path, monkeypatch, every_s):
    """With a rate that spoils the weights in the end, so that the last epoch is not the best."""
    monkeypatch.setattr(saving, "SAVE_EVERY_S", every_s)
    seen = {}

    def note(self, trainer, task):
        seen[float(trainer.callback_metrics["val_loss"])] = copy.deepcopy(task.model)
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = 1e-2 if trainer.current_epoch < 2 else 0.3

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.History, "on_validation_end", note)
        made, rows = fit(manifest, tmp_path, schedule="plateau", learning_rate=1e-2)
    assert rows["val_loss"].idxmin() < len(rows) - 1
    assert torch.equal(weights(made), weights(seen[rows["val_loss"].min()]))


class Trainer:
    """What `BestAndLast` asks of a trainer; saving calls it back, as Lightning does."""

    def __init__(self, saved):
        self.saved, self.strategy, self.checkpoint_io = saved, self, self
        self.should_stop, self.is_global_zero, self.max_epochs = False, True, 9
        self.written = []

    def broadcast(self, due):
        return due

    def save_checkpoint(self, checkpoint, path=None, **_):
        if path is None:  # the whole state, to the path given first
            self.saved.on_save_checkpoint(self, None, {})
            self.written.append(checkpoint.name)
        else:
            self.written.append((path.name, checkpoint["state_dict"]["weight"].item()))

    def epoch(self, number, loss):
        self.current_epoch, self.callback_metrics = number, {"val_loss": torch.tensor(loss)}
        weight = torch.tensor(float(number))
        self.saved.on_train_epoch_end(self, Task(weight))
        weight.fill_(-1)  # what training does with the weights that it goes on with


class Task:
    def __init__(self, weight):
        self._weight = weight

    def state_dict(self):
        return {"weight": self._weight, "frozen": torch.zeros(1)}

    def on_save_checkpoint(self, checkpoint):
        del checkpoint["state_dict"]["frozen"]


def test_whoever_saves_writes_the_best_epoch_first(tmp_path):
    trainer = Trainer(saving.BestAndLast(tmp_path))
    for number, loss in enumerate([3.0, 2.0, 1.0, 1.5]):
        trainer.epoch(number, loss)
    assert trainer.written == [("best.ckpt", 0), "last.ckpt"]
    trainer.save_checkpoint(tmp_path / "other.ckpt")
    assert trainer.written[2:] == [("best.ckpt", 2), "other.ckpt"]


def test_training_that_stops_early_is_saved(tmp_path):
    trainer = Trainer(saving.BestAndLast(tmp_path))
    trainer.epoch(0, 3.0)
    trainer.should_stop = True
    trainer.epoch(1, 4.0)
    assert trainer.written == [("best.ckpt", 0), "last.ckpt", "last.ckpt"]


def test_resumed_training_knows_the_lowest_loss(tmp_path):
    saved = saving.BestAndLast(tmp_path)
    trainer = Trainer(saved)
    trainer.epoch(0, 3.0)
    trainer.saved = saving.BestAndLast(tmp_path)
    trainer.saved.load_state_dict(saved.state_dict())
    trainer.epoch(1, 3.5)
    assert trainer.written == [("best.ckpt", 0), "last.ckpt", "last.ckpt"]
