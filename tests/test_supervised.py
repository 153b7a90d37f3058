import numpy as np
import pandas as pd
import pytest
import torch
from test_train_embed import make_manifest

from galaxypair import callbacks, loaders, supervised, supervised_networks, tables
from galaxypair.errors import ConfigError, DataError
from galaxypair.io.checkpoints import write_weights
from galaxypair.supervised_labels import labels, split_labels, standard
from galaxypair.supervised_networks import MODALITY, ConvAttention, Predictor, ResNet18
from galaxypair.supervised_task import flip_and_blur, masked_loss

SETTINGS = {
    "seed": 1,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "epochs": 3,
    "accelerator": "cpu",
    "precision": "32-true",
}
NETWORKS = ["resnet18", "conv_attention"]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_manifest(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def known(manifest):
    """Labels of all galaxies: noise; of every third galaxy the mass is not known."""
    ids = np.concatenate([targetid_of(manifest, split) for split in tables.SPLITS])
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"z": rng.uniform(0.05, 0.5, len(ids)), "log_mstar": rng.uniform(9, 11.5, len(ids))})
    table.loc[::3, "log_mstar"] = np.nan
    return table.set_index(pd.Index(ids, name="targetid"))


@pytest.fixture
def small(monkeypatch):
    """A ResNet-18 of few channels: its checkpoints take 100 MB else."""
    monkeypatch.setattr(supervised_networks, "STAGES", (8, 8, 16, 16))
    monkeypatch.setattr(ResNet18, "n_features", 16)


def targetid_of(manifest, split):
    dataset = loaders.ShardDataset(manifest, split, ["targetid"])
    return dataset.__getitems__(np.arange(len(dataset)))["targetid"].numpy()


def fit(manifest, folder, name, known, **changes):
    return supervised.fit(manifest, folder, name, known, SETTINGS | changes, crop_px=32, threads=1)


def same(a, b):
    return all(torch.equal(value, b.state_dict()[key]) for key, value in a.state_dict().items())


# --- the loss ---------------------------------------------------------------------------------------


def test_unknown_labels_count_neither_in_the_loss_nor_in_its_gradient():
    predicted = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    wanted = torch.tensor([[0.0, torch.nan], [1.0, 1.0]])
    loss = masked_loss(predicted, wanted)
    loss.backward()
    assert loss.item() == pytest.approx((1 + 4 + 9) / 3)
    torch.testing.assert_close(predicted.grad, torch.tensor([[2.0, 0.0], [4.0, 6.0]]) / 3)


def test_loss_of_nothing_known_is_zero_with_a_gradient_of_zero():
    predicted = torch.ones(2, 2, requires_grad=True)
    loss = masked_loss(predicted, torch.full((2, 2), torch.nan))
    loss.backward()
    assert loss.item() == 0
    assert predicted.grad.eq(0).all()


def test_labels_are_standardised_by_what_is_known():
    values = torch.tensor([[1.0, 5.0, torch.nan], [3.0, 5.0, torch.nan], [torch.nan, 5.0, torch.nan]])
    mean, scale = standard(values)
    assert mean.tolist() == [2, 5, 0]
    assert scale.tolist() == [1, 1, 1]
    torch.testing.assert_close(standard(torch.tensor([[0.0], [6.0]]))[1], torch.tensor([3.0]))


# --- the augmentation ---------------------------------------------------------------------------------


def test_each_galaxy_is_mirrored_and_blurred_by_its_own_draw():
    image = torch.zeros(1, 3, 9, 9)
    image[:, :, 3, 2] = 1
    views = flip_and_blur(image.repeat(64, 1, 1, 1), torch.Generator().manual_seed(1))
    brightest = {divmod(int(v[0].argmax()), 9) for v in views}
    assert brightest == {(3, 2), (3, 6), (5, 2), (5, 6)}
    assert views.amax((1, 2, 3)).unique().numel() > 60  # as many blurs
    torch.testing.assert_close(views.sum((2, 3)), torch.ones(64, 3))  # flux is kept
    assert (views > 0).sum((2, 3)).max() == 9  # no further than 3 x 3 pixels


def test_same_seed_draws_the_same():
    images = torch.rand(4, 3, 8, 8)
    a, b, c = (flip_and_blur(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


# --- the networks -------------------------------------------------------------------------------------


def test_resnet18_has_the_parameters_of_the_published_network():
    """11,689,512 of He et al.'s, without the layer of 1000 classes."""
    assert sum(p.numel() for p in ResNet18(64).parameters()) == 11_689_512 - 513 * 1000


def test_conv_attention_has_the_published_layers():
    shapes = [tuple(block[0].weight.shape) for block in ConvAttention().convolutions]
    assert shapes == [(8, 1, 5), (16, 8, 10), (16, 16, 20), (32, 16, 40)]
    made = Predictor("conv_attention", 64, torch.zeros(2), torch.ones(2))
    assert [layer.out_features for layer in made.readout[::2]] == [32, 32, 2]


@pytest.mark.parametrize("name", NETWORKS)
def test_predictions_of_a_galaxy_do_not_depend_on_its_company_and_are_finite(name):
    made = Predictor(name, 32, torch.tensor([5.0]), torch.tensor([2.0])).eval()
    raw = torch.rand(5, 3, 40, 40) if MODALITY[name] == "image" else torch.rand(5, 7781)
    raw[0] = 0  # no data at all
    with torch.inference_mode():
        together, alone = made.predict(raw), torch.cat([made.predict(one[None]) for one in raw])
        assert torch.equal(made.predict(raw), made(raw) * 2 + 5)
    assert together.isfinite().all()
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert together.unique().numel() == 5


# --- training -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", NETWORKS)
def test_training_repeats_itself_and_learns_what_it_is_shown(manifest, known, tmp_path, name):
    changes = {"epochs": 6, "learning_rate": 3e-3}
    made, rows = fit(manifest, tmp_path / "a", name, known, **changes)
    again, repeated = fit(manifest, tmp_path / "b", name, known, **changes)
    assert same(made, again)
    assert rows.equals(repeated)
    assert list(rows.columns) == list(tables.HISTORY_COLUMNS)
    assert rows["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert rows["learning_rate"].eq(3e-3).all()
    assert rows["train_loss"].iloc[-1] < 0.95 * rows["train_loss"].iloc[0]
    assert rows["chance_loss"].between(0.6, 1.4).all()  # of standardised labels, but for an incomplete batch
    assert not made.training


def test_best_epoch_is_given_not_the_last_though_training_goes_on(manifest, known, tmp_path, monkeypatch):
    """Weights are noted after each epoch; those given are a copy of the epoch with the lowest loss."""
    seen = []
    note = callbacks.History.on_train_epoch_end

    def also_keep(self, trainer, task):
        note(self, trainer, task)
        seen.append({k: v.clone() for k, v in task.predictor.state_dict().items()})

    monkeypatch.setattr(callbacks.History, "on_train_epoch_end", also_keep)
    made, rows = fit(manifest, tmp_path, "conv_attention", known, epochs=12, learning_rate=1e-2)
    best = int(rows["val_loss"].argmin())
    assert best < len(rows) - 1
    found = made.state_dict()
    assert all(torch.equal(value, found[key]) for key, value in seen[best].items())
    assert not all(torch.equal(value, found[key]) for key, value in seen[-1].items())


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", NETWORKS)
def test_interrupted_training_ends_as_an_undisturbed_one(manifest, known, tmp_path, monkeypatch, name):
    def stop(self, trainer, *_):
        if trainer.current_epoch == 1:
            raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.History, "on_train_epoch_start", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            fit(manifest, tmp_path / "stopped", name, known)
    started = []
    with monkeypatch.context() as patch:
        patch.setattr(
            callbacks.History, "on_train_epoch_start", lambda _, t, *__: started.append(t.current_epoch)
        )
        resumed, rows = fit(manifest, tmp_path / "stopped", name, known)
    assert started == [1, 2]
    straight, expected = fit(manifest, tmp_path / "straight", name, known)
    assert same(resumed, straight)
    assert rows.equals(expected)


def test_unknown_labels_of_the_test_split_and_values_of_it_shape_nothing(manifest, known, tmp_path):
    changed = known.copy()
    changed.loc[targetid_of(manifest, "test")] += 5
    a, _ = fit(manifest, tmp_path / "a", "conv_attention", known, epochs=1)
    b, _ = fit(manifest, tmp_path / "b", "conv_attention", changed, epochs=1)
    assert same(a, b)


def test_test_galaxies_with_a_label_are_predicted_in_their_units(manifest, known, tmp_path):
    made, _ = fit(manifest, tmp_path, "conv_attention", known, epochs=1)
    found = supervised.predict(made, manifest, "conv_attention", known, SETTINGS | {"batch_size": 3})
    assert list(found.columns) == list(tables.BASELINE_COLUMNS)
    assert set(found["baseline"]) == {"conv_attention_supervised"}
    test = known.loc[targetid_of(manifest, "test")]
    for target in known:
        own = found[found["target"] == target].set_index("targetid")
        assert own["y_true"].to_dict() == pytest.approx(test[target].dropna().to_dict(), rel=1e-6)
        assert own["y_pred"].between(*known[target].agg(["min", "max"])).all()
    dataset = loaders.ShardDataset(manifest, "test", ["spectrum"])
    with torch.inference_mode():
        direct = made.predict(dataset.__getitems__(np.arange(len(dataset)))["spectrum"])[:, 0]
    np.testing.assert_allclose(found.loc[found["target"] == "z", "y_pred"], direct, rtol=1e-5)


@pytest.mark.usefixtures("small")
def test_weights_and_description_are_enough_to_predict_again(manifest, known, tmp_path):
    from safetensors.torch import load_file

    made, _ = fit(manifest, tmp_path, "resnet18", known, epochs=1)
    write_weights(made.state_dict(), tmp_path / "model.safetensors")
    shaping = {"network": "resnet18", "crop_px": 32, "targets": list(known)}
    told = supervised.describe(made, shaping, SETTINGS, {**manifest, "fingerprint": "x"})
    assert told["modality"] == "image"
    fresh = Predictor(told["network"], told["crop_px"], *torch.zeros(2, len(told["targets"])))
    fresh.load_state_dict(load_file(tmp_path / "model.safetensors"))
    image = torch.rand(2, 3, 40, 40)
    with torch.inference_mode():
        assert torch.equal(fresh.eval().predict(image), made.predict(image))


# --- what is refused ------------------------------------------------------------------------------------


def test_train_split_smaller_than_a_batch_is_refused(manifest, known, tmp_path):
    with pytest.raises(ConfigError, match=r"fewer than one batch of 500\. Lower `baselines\.batch_size`"):
        fit(manifest, tmp_path, "resnet18", known, batch_size=500)


def test_val_split_without_labels_is_refused(manifest, known, tmp_path):
    empty = known.copy()
    empty.loc[targetid_of(manifest, "val")] = np.nan
    with pytest.raises(DataError, match=r"No galaxy of the val split has spectrum and a property"):
        fit(manifest, tmp_path, "conv_attention", empty)


def test_test_split_without_labels_is_refused(manifest, known):
    empty = known.copy()
    empty.loc[targetid_of(manifest, "test")] = np.nan
    made = Predictor("conv_attention", 32, torch.zeros(2), torch.ones(2))
    with pytest.raises(DataError, match=r"No galaxy of the test split has spectrum and a property"):
        supervised.predict(made, manifest, "conv_attention", empty, SETTINGS)


def test_labels_of_another_dataset_are_refused(manifest, known):
    with pytest.raises(DataError, match=r"galaxies of the train split have no row in crossmatch"):
        split_labels(manifest, "train", "image", known.iloc[:3])


def test_labels_come_in_the_order_of_the_galaxies_whatever_that_of_the_table(manifest, known):
    found = split_labels(manifest, "train", "image", known.sample(frac=1, random_state=1))
    np.testing.assert_allclose(found, known.loc[targetid_of(manifest, "train")].to_numpy("f4"))


def test_labels_are_derived_as_for_zero_shot():
    properties = pd.DataFrame({"targetid": [3, 4], "z": [0.1, 0.2], "avg_sfr": [10.0, -1.0]})
    found = labels(properties, ["z", "log_avg_sfr"])
    assert found.index.tolist() == [3, 4]
    assert found["z"].tolist() == [0.1, 0.2]
    assert found["log_avg_sfr"].iloc[0] == 1
    assert np.isnan(found["log_avg_sfr"].iloc[1])


def test_diverged_training_says_what_to_lower(manifest, known, tmp_path):
    with pytest.raises(ConfigError, match=r"diverged\. Lower `baselines\.learning_rate`"):
        fit(manifest, tmp_path, "conv_attention", known, learning_rate=1e30)
