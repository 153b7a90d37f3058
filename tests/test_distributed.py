"""Several processes train as one: losses and gradients, order of the galaxies, errors, kills."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from test_model import SETTINGS
from test_train_embed import TRAIN, make_manifest, weights
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from galaxypair import distributed, io, loaders, train
from galaxypair.contrastive import ContrastiveTask
from galaxypair.errors import ConfigError, DataError, GalaxypairError

# without BatchNorm statistics of its own, a process sees of a batch what one process sees
FROZEN = {
    **SETTINGS,
    "image": {**SETTINGS["image"], "frozen": True, "head": "mlp", "mlp": {"hidden": [8]}},
    "spectrum": {**SETTINGS["spectrum"], "frozen": True},
}
PLAIN = {**TRAIN, "image_augmentations": False, "spectrum_augmentations": False}


# --- the loss ------------------------------------------------------------------------------------


def make_batch(n):
    generator = torch.Generator().manual_seed(2)
    return {
        "row": torch.arange(n),
        "image": torch.rand(n, 3, 32, 32, generator=generator),
        "spectrum": 1 + torch.rand(n, 7781, generator=generator),
        "z": torch.full((n,), 0.1),
    }


def gradients(settings, n, rank=0, processes=1):
    """Loss, and gradients by name, of a process's share of one batch."""
    torch.manual_seed(0)
    sizes = loaders.shares(n, processes)
    task = ContrastiveTask(FROZEN, settings, 1, shares={"train": sizes, "val": sizes}, rank=rank)
    rows = slice(sum(sizes[:rank]), sum(sizes[: rank + 1]))
    batch = {column: values[rows] for column, values in make_batch(n).items()}

    class Wrapped(torch.nn.Module):  # DistributedDataParallel follows `forward`
        def __init__(self):
            super().__init__()
            self.task = task

        def forward(self):
            return task._loss("val", batch, None)

    wrapped = DistributedDataParallel(Wrapped()) if processes > 1 else Wrapped()
    loss = wrapped()
    loss.backward()
    named = {name: p.grad for name, p in task.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **named}


def _one_of_two(rank, folder, settings, n):
    store = dist.FileStore(str(folder / "store"), 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    torch.set_num_threads(1)
    torch.save(gradients(settings, n, rank, 2), folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("n", [8, 7], ids=["even", "uneven"])
@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
def test_two_processes_have_loss_and_gradients_of_one_to_1e_5(tmp_path, loss, n):
    settings = {**PLAIN, "loss": loss, "learnable_scale": True}
    torch.multiprocessing.spawn(_one_of_two, (tmp_path, settings, n), nprocs=2)
    expected = gradients(settings, n)
    learned = {"loss.log_scale", "loss.bias"} if loss == "sigmoid" else {"loss.log_scale"}
    assert learned < set(expected)
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert value.abs().max() > 0
            torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-5)
