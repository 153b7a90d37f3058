"""The training of small networks: independent of each other, and the best epoch is what is left."""

import numpy as np
import pytest
import torch
from torch import nn

from galaxypair import small_networks
from galaxypair.errors import ConfigError
from galaxypair.small_networks import MlpBank


def squared_error(network, x, y):
    return (network(x)[..., 0] - y).square().mean(dim=1)


def make_sample(n, k=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)).astype("f4")
    return torch.from_numpy(x), torch.from_numpy(np.sin(2 * x[:, 0])).expand(k, -1).contiguous()


def fit(bank, train, val, rows, seed=3, **settings):
    chosen = {"epochs": 5, "batch_size": 16, "learning_rate": 0.01} | settings
    with small_networks.seeded(seed) as rng:
        return small_networks.fit(bank, squared_error, train, val, rows, rng=rng, **chosen)


def test_a_bank_of_networks_agrees_with_the_layers_of_torch():
    bank = MlpBank(2, [4, 8, 1], dropout=0.5).eval()
    x = torch.randn(2, 10, 4)
    for i in range(2):
        layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1)).eval()
        for layer, weight, bias in zip((layers[0], layers[3]), bank.weights, bank.biases, strict=True):
            layer.load_state_dict({"weight": weight[i].T, "bias": bias[i, 0]})
        torch.testing.assert_close(bank(x)[i], layers(x[i]))


def test_networks_of_a_bank_do_not_see_each_other():
    train, val = make_sample(64, k=2), make_sample(40, k=2, seed=1)
    rows = np.stack([np.arange(32), np.arange(32)])
    other = np.stack([np.arange(32), np.arange(32, 64)])
    first = []
    for chosen in (rows, other):
        with small_networks.seeded(1):
            bank = MlpBank(2, [4, 8, 1], dropout=0)
        fit(bank, train, val, chosen)
        first.append([p[0].clone() for p in bank.parameters()])
        assert not torch.equal(bank.weights[0][0], bank.weights[0][1])
    for one, two in zip(*first, strict=True):
        torch.testing.assert_close(one, two)


def test_the_best_epoch_is_kept_when_the_validation_loss_rises_again():
    x, y = make_sample(64)
    val = make_sample(40, seed=1)
    val = (val[0], -val[1])  # the more is learnt of the train split, the worse
    with small_networks.seeded(1):
        bank = MlpBank(1, [4, 8, 1], dropout=0)
    losses = fit(bank, (x, y), val, np.arange(64)[None], epochs=12)[:, 0]
    assert losses.argmin() < 6 and losses[-1] > losses.min() + 0.05
    with torch.no_grad():
        left = float(squared_error(bank, val[0][None], val[1]))
    assert left == pytest.approx(losses.min(), rel=1e-5)


def test_each_network_keeps_its_own_best_epoch():
    (x, y), (x_val, y_val) = make_sample(64, k=2), make_sample(40, k=2, seed=1)
    val = (x_val, torch.stack([y_val[0], -y_val[1]]))
    with small_networks.seeded(1):
        bank = MlpBank(2, [4, 8, 1], dropout=0)
    losses = fit(bank, (x, y), val, np.tile(np.arange(64), (2, 1)), epochs=12)
    assert losses[:, 0].argmin() > losses[:, 1].argmin()
    with torch.no_grad():
        left = squared_error(bank, val[0].expand(2, -1, -1), val[1])
    np.testing.assert_allclose(left, losses.min(axis=0), rtol=1e-5)


def test_the_validation_loss_is_a_mean_over_galaxies_whatever_the_blocks(monkeypatch):
    train, val = make_sample(64), make_sample(41, seed=1)
    found = []
    for block in (1000, 16):
        monkeypatch.setattr(small_networks, "BLOCK_ROWS", block)
        with small_networks.seeded(1):
            bank = MlpBank(1, [4, 8, 1], dropout=0)
        found.append(fit(bank, train, val, np.arange(64)[None]))
    np.testing.assert_allclose(*found, rtol=1e-5)
    monkeypatch.undo()
    blocks = small_networks.apply(bank, val[0], 1)
    with torch.no_grad():
        torch.testing.assert_close(blocks, bank(val[0][None]))


def test_only_the_given_rows_are_trained_on():
    x, y = make_sample(64)
    y[:, 32:] = torch.nan
    with small_networks.seeded(1):
        bank = MlpBank(1, [4, 8, 1], dropout=0)
    losses = fit(bank, (x, y), make_sample(40, seed=1), np.arange(32)[None])
    assert np.isfinite(losses).all()


def test_the_same_seeds_give_the_same_weights_and_leave_the_generator_alone():
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    threads = torch.get_num_threads()
    weights = []
    for seed in (1, 1, 2):
        with small_networks.seeded(seed, 7) as rng:
            bank = MlpBank(1, [4, 8, 1], dropout=0.3)
            train, val = make_sample(64), make_sample(40, seed=1)
            rows = np.arange(64)[None]
            small_networks.fit(
                bank, squared_error, train, val, rows, epochs=3, batch_size=16, learning_rate=0.01, rng=rng
            )
        weights.append(bank.weights[0].detach())
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_a_diverging_training_is_refused():
    x, y = make_sample(64)
    with pytest.raises(ConfigError, match="Lower `learning_rate`"):
        fit(MlpBank(1, [4, 8, 1], dropout=0), (x, y * torch.nan), (x, y * torch.nan), np.arange(64)[None])
