import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pandas as pd
import pytest
import torch
from mock_factories import needs_grids
from test_mock_stream import make_stream as any_stream
from test_model_card import full
from test_pretrain import SMALL, encoder_settings, made_weights, same, torch_history

from galaxypair import callbacks, pretrain, tables
from galaxypair.errors import ConfigError
from galaxypair.mock import stream
from galaxypair.parallel import ordered_map

pytestmark = needs_grids


def make_stream():
    return any_stream(galaxies=96, round_galaxies=32)


@pytest.fixture
def within_this_process(monkeypatch):
    """Rounds made here: to start processes takes seconds each time."""

    @contextmanager
    def open_rounds(chosen, modality, processes):
        with ordered_map(1) as run:
            rounds = stream.Rounds(chosen, modality, run)
            yield rounds
            rounds.close()

    monkeypatch.setattr(pretrain, "open_rounds", open_rounds)


def settings_of(modality, **changes):
    return SMALL[modality] | {"epochs": make_stream().rounds, "batch_size": 16} | changes


def fit(folder, modality, **changes):
    return pretrain.fit(
        make_stream(),
        folder,
        modality,
        encoder_settings(modality),
        settings_of(modality, **changes),
        threads=1,
    )


@pytest.mark.parametrize("modality", tables.MODALITIES)
def test_interrupted_in_the_third_round_ends_as_an_undisturbed_one(
    within_this_process, tmp_path, monkeypatch, modality
):
    def stop(self, trainer, *_):
        if trainer.current_epoch == 2 and trainer.global_step % 4 == 2:
            raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.History, "on_train_batch_end", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            fit(tmp_path / "stopped", modality)
    taken = []
    with monkeypatch.context() as patch:
        take = stream.Rounds.take
        patch.setattr(stream.Rounds, "take", lambda self, n: taken.append(n) or take(self, n))
        resumed, rows = fit(tmp_path / "stopped", modality)
    assert taken == [stream.VALIDATION, 3]
    straight, expected = fit(tmp_path / "straight", modality)
    assert same(resumed, straight) and rows.equals(expected)
    assert rows["epoch"].tolist() == [1, 2, 3]


def test_killed_with_its_processes_ends_as_one_that_had_none(tmp_path, monkeypatch, within_this_process):
    straight, expected = fit(tmp_path / "straight", "spectrum")
    monkeypatch.undo()
    rest = dict(vars(make_stream()))
    library = rest.pop("library")
    code = (
        "import os, signal; from pathlib import Path; from galaxypair import callbacks, pretrain\n"
        "from galaxypair.mock.stream import Stream\n"
        "def kill(self, trainer, task, outputs, batch, batch_idx):\n"
        "    if (trainer.current_epoch, batch_idx) == (1, 1):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "callbacks.History.on_train_batch_end = kill\n"
        "if __name__ == '__main__':\n"
        f"    chosen = Stream(Path({str(library)!r}), **{rest!r})\n"
        f"    pretrain.fit(chosen, Path({str(tmp_path / 'killed')!r}), 'spectrum', "
        f"{encoder_settings('spectrum')!r}, {settings_of('spectrum')!r}, threads=1)\n"
    )
    (tmp_path / "killed.py").write_text(code)
    ended = subprocess.run(
        [sys.executable, tmp_path / "killed.py"],
        env={**os.environ, "PYTHONPATH": "src"},
        check=False,
        capture_output=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    resumed, rows = fit(tmp_path / "killed", "spectrum")
    assert same(resumed, straight) and rows.equals(expected)


def test_batches_are_observed_and_known_to_the_queue(within_this_process, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        pretrain.PretrainingTask, "on_train_batch_start", lambda self, batch, i: seen.append(batch["row"])
    )
    fit(tmp_path, "image")
    rows = torch.cat(seen)
    assert len(rows) == 3 * 2 * 32
    assert sorted(set(rows.tolist())) == list(range(96))
    assert set(torch.cat(seen[:4]).tolist()) == set(range(32))


def test_round_smaller_than_a_batch_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"A round of the stream has 32 .*pretrain\.spectrum\.batch_size"):
        fit(tmp_path, "spectrum", batch_size=33)


def test_card_tells_how_many_galaxies_were_streamed(tmp_path):
    rows = pd.concat([torch_history()] * make_stream().rounds)
    weights = made_weights("spectrum", encoder_settings("spectrum"))
    part, settings = encoder_settings("spectrum"), settings_of("spectrum")
    told = pretrain.describe("spectrum", part, settings, make_stream().describe(), weights)
    assert told["dataset"]["stream"]["galaxies"] == 96 and told["dataset"]["splits"]["train"] == 96
    card = pretrain.card({"run": "a", "source": "simulate"} | told, rows)
    assert "96 streamed galaxies (seed 2), simulated meanwhile and kept nowhere" in card
    assert "3 rounds of 32 galaxies, 2 passes of each" in card
    assert "mock survey" in card and "train split" not in card
    origin = {"run": "a", "source": "simulate", "objective": "masked modelling", "epochs": 3}
    text = full(tmp_path, pretrained={"spectrum": origin | {"dataset": told["dataset"]}})
    assert "on 96 galaxies of the survey `simulate`, streamed: simulated meanwhile, and in no split" in text
