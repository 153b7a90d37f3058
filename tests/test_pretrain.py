import copy
import json
import os
import signal
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from test_model import SETTINGS
from test_train_embed import TRAIN, make_manifest

from galaxypair import callbacks, checkpoints, features, io, model, pretrain, pretrained, tables, train
from galaxypair.errors import ConfigError, DataError
from galaxypair.masked_spectra import MaskedSpectra, chunk_mask
from galaxypair.momentum_contrast import NOBODY, MomentumContrast, contrast

COMMON = {
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


# --- momentum contrast ------------------------------------------------------------------------------


def moco(**changes):
    torch.manual_seed(1)
    encoder = model.build_encoder("image", encoder_settings("image"))
    return MomentumContrast(encoder, IMAGE | changes, n_train=20)


def test_contrast_is_the_cross_entropy_of_the_key_among_the_queue():
    torch.manual_seed(1)
    q, k, queue = (F.normalize(torch.randn(n, 5), dim=1) for n in (4, 4, 7))
    expected = 0
    for i in range(4):
        positive, others = q[i] @ k[i] / 0.2, queue @ q[i] / 0.2
        expected -= positive - torch.logsumexp(torch.cat([positive[None], others]), 0)
    assert contrast((q * k).sum(1), q @ queue.T, 0.2).item() == pytest.approx(expected.item() / 4, rel=1e-5)


def test_key_encoder_follows_by_its_momentum_statistics_included():
    made = moco()
    before = copy.deepcopy(made.key_encoder.state_dict())
    with torch.no_grad():
        for value in made.encoder.state_dict().values():
            value.add_(1)
    made.follow()
    wanted = made.encoder.state_dict()
    for name, value in made.key_encoder.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.9 * before[name] + 0.1 * wanted[name])
        else:
            assert torch.equal(value, wanted[name])


def test_queue_replaces_its_oldest_keys_in_turn():
    made = moco(queue=5)
    for first in (0, 3, 6):
        rows = torch.arange(first, first + 3)
        made.enqueue(torch.full((3, 8), float(first)), rows)
    assert made.queue_rows.tolist() == [5, 6, 7, 8, 4]
    assert made.queue[:, 0].tolist() == [3, 6, 6, 6, 3]
    assert made.queue_end == 4


def test_queue_is_no_longer_than_the_train_split_and_the_log_says_so(caplog):
    with caplog.at_level("INFO"):
        made = pretrain.build_objective("image", encoder_settings("image"), IMAGE | {"queue": 65536}, 20)
    assert len(made.queue) == 20
    assert "`pretrain.image.queue` of 65536 is cut to the 20 galaxies" in caplog.text


def test_own_key_of_an_earlier_epoch_is_no_negative():
    """With a queue of nothing but their own keys, queries have nobody to be taken for."""
    made = moco(queue=4, momentum=1.0)
    batch = {"image": torch.rand(2, 3, 40, 40), "row": torch.tensor([3, 4])}
    made.queue_rows[:] = torch.tensor([3, 3, 3, 3])
    made.train()
    loss, _ = made({**batch, "row": torch.tensor([3, 3])}, torch.Generator().manual_seed(1))
    assert loss.item() == 0
    made.queue_rows[:] = NOBODY
    loss, chance = made(batch, torch.Generator().manual_seed(1))
    assert loss.item() > 0.1
    assert chance.item() == pytest.approx(torch.tensor(5.0).log().item())


def test_validation_leaves_keys_and_queue_alone():
    made = moco().eval()
    before = copy.deepcopy(made.state_dict())
    batch = {"image": torch.rand(2, 3, 40, 40), "row": torch.tensor([3, 4])}
    losses = [made(batch, torch.Generator().manual_seed(1))[0].item() for _ in range(2)]
    assert losses[0] == losses[1]
    assert same(made.state_dict(), before)


def test_step_trains_the_query_encoder_and_its_head_alone():
    made = moco().train()
    batch = {"image": torch.rand(4, 3, 40, 40), "row": torch.arange(4)}
    made(batch, torch.Generator().manual_seed(1))[0].backward()
    assert all(p.grad is not None for part in (made.encoder, made.head) for p in part.parameters())
    assert all(p.grad is None for part in (made.key_encoder, made.key_head) for p in part.parameters())
    assert not any(part.training for part in made.key_encoder.modules())
    assert made.queue_rows[:5].tolist() == [0, 1, 2, 3, NOBODY]


# --- masked spectra ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "width"), [(7781, 500), (778, 50)])
def test_each_part_of_a_sequence_has_one_whole_chunk_anywhere_in_it(length, width):
    mask = chunk_mask(400, length, chunks=6, width=width, generator=torch.Generator().manual_seed(1))
    assert (mask.sum(1) == 6 * width).all()
    assert (mask.int().diff(dim=1, prepend=torch.zeros(400, 1)) == 1).sum(1).eq(6).all()
    for part in range(6):
        start = part * length // 6
        inside = mask[:, start : start + length // 6]
        assert (inside.sum(1) == width).all()
        assert inside.any(0).float().mean() > 0.95
    assert len({tuple(row.tolist()) for row in mask}) > 390


def masked(name="compact", **changes):
    torch.manual_seed(1)
    part = {"encoder": name, "compact": {"width": 4}, "spender": {"normalise": "none"}}
    encoder = model.build_encoder("spectrum", part | {"specformer": {"output": "tokens"}})
    return MaskedSpectra(encoder, SPECTRUM | changes, n_train=20).eval()


def spectra_batch(n=2):
    torch.manual_seed(2)
    return {"spectrum": torch.rand(n, 7781) + 1, "z": torch.full((n,), 0.1)}


@pytest.mark.parametrize("name", ["compact", "spender"])
def test_encoder_reads_no_data_where_it_is_to_fill_in(monkeypatch, name):
    made, seen = masked(name), []
    real = made.encoder.prepare
    monkeypatch.setattr(made.encoder, "prepare", lambda raw, z=None: seen.append(raw) or real(raw, z))
    batch = spectra_batch()
    made(batch, torch.Generator().manual_seed(1))
    hidden = chunk_mask(2, 7781, chunks=6, width=500, generator=torch.Generator().manual_seed(1))
    assert torch.equal(seen[0] == 0, hidden)
    assert torch.equal(seen[0][~hidden], batch["spectrum"][~hidden])


def test_loss_counts_masked_bins_with_data_alone(monkeypatch):
    made, batch = masked(), spectra_batch()
    batch["spectrum"][:, :1000] = 0  # no data
    _, wanted, hidden = made._channels(batch["spectrum"], batch["z"], torch.Generator().manual_seed(1))
    assert wanted.shape == (2, 2, 3890) and hidden.shape == (2, 1, 3890)
    counted = hidden.expand_as(wanted).clone()
    counted[..., :500] = False
    monkeypatch.setattr(made, "_channels", lambda *_: (wanted + torch.where(counted, 2, 99), wanted, hidden))
    loss, chance = made(batch, torch.Generator().manual_seed(1))
    assert loss.item() == pytest.approx(4)
    assert chance.item() == pytest.approx(wanted[counted & (wanted != 0)].square().mean().item(), rel=1e-5)


def test_specformer_is_trained_by_the_published_loss():
    made, batch = masked("specformer"), spectra_batch(1)
    with torch.no_grad():
        loss, _ = made(batch, torch.Generator().manual_seed(1))
        (target,) = made.encoder.prepare(batch["spectrum"])
        mask = chunk_mask(1, 778, chunks=6, width=50, generator=torch.Generator().manual_seed(1))
        given = target.clone()
        given[mask] = 0
        output = made.encoder.head(made.encoder.encode(given))
        places = (given != target).float()
        expected = F.mse_loss(output * places, target * places) / places.mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


# --- training ---------------------------------------------------------------------------------------


def test_two_pretrainings_give_the_same_weights_and_the_loss_falls(manifest, tmp_path):
    changes = {"epochs": 8, "learning_rate": 3e-3}
    weights, rows = fit(manifest, tmp_path / "a", "spectrum", **changes)
    again, _ = fit(manifest, tmp_path / "b", "spectrum", **changes)
    assert same(weights, again)
    assert list(rows.columns) == list(tables.HISTORY_COLUMNS)
    assert rows["epoch"].tolist() == list(range(1, 9))
    assert rows["train_loss"].iloc[-1] < 0.95 * rows["train_loss"].iloc[0]


def test_galaxies_that_differ_are_told_apart():
    made = moco(queue=24, temperature=0.1).train()
    y, x = torch.meshgrid(*[torch.arange(48.0) - 24] * 2, indexing="ij")
    sizes = torch.linspace(1.5, 12, 8).view(8, 1, 1)
    light = torch.exp(-torch.hypot(x, y) / sizes)[:, None] * torch.tensor([0.5, 1.0, 1.5]).view(1, 3, 1, 1)
    task = pretrain.PretrainingTask(made, IMAGE | {"learning_rate": 3e-3}, 60)
    optimiser, losses = task.configure_optimizers()["optimizer"], []
    for step in range(60):
        batch = {"image": light, "row": torch.arange(8)}
        loss, chance = made(batch, torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) / 5 < 0.8 * chance.item()


@pytest.mark.parametrize("modality", tables.MODALITIES)
def test_interrupted_pretraining_ends_as_an_undisturbed_one(manifest, tmp_path, monkeypatch, modality):
    def stop(self, trainer, *_):
        if trainer.current_epoch == 2:
            raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.History, "on_train_epoch_start", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            fit(manifest, tmp_path / "stopped", modality)
    resumed, rows = fit(manifest, tmp_path / "stopped", modality)
    straight, expected = fit(manifest, tmp_path / "straight", modality)
    assert rows.equals(expected)
    assert rows["learning_rate"].nunique() == 3
    assert same(resumed, straight)


def test_killed_pretraining_that_was_done_is_exported_as_it_was(manifest, tmp_path):
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
    train_loader, _ = pretrain._make_loaders(lone, modality, SMALL[modality] | {"batch_size": 2}, workers=0)
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
    pretrained.save(weights, folder / "model.safetensors")
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
    told = train.card(config, torch_history())
    assert f"Frozen: the encoder of {modality} (compact), pretrained by run `first`" in told
    assert "published weights" not in told and "may hold galaxies of this test split" in told
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
