import copy

import pytest
import torch
import torch.nn.functional as F
from test_pretrain import IMAGE, encoder_settings, same

from galaxypair import model, pretrain
from galaxypair.momentum_contrast import NOBODY, MomentumContrast, contrast


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
    readout = ("redshift.", "mass.")  # which needs labels
    trained = [p for name, p in made.encoder.named_parameters() if not name.startswith(readout)]
    assert all(p.grad is not None for p in (*trained, *made.head.parameters()))
    assert all(p.grad is None for part in (made.key_encoder, made.key_head) for p in part.parameters())
    assert not any(part.training for part in made.key_encoder.modules())
    assert made.queue_rows[:5].tolist() == [0, 1, 2, 3, NOBODY]


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
