"""Several processes train as one: losses and gradients, order of the galaxies, errors, kills."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
import torch.multiprocessing
from safetensors.torch import load_file
from test_model import SETTINGS
from test_train_embed import TRAIN, make_manifest
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from galaxypair import distributed, loaders
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


CASES = [(loss, n) for loss in ("info_nce", "sigmoid") for n in (8, 7)]  # 7: uneven shares


def settings_of(loss):
    return {**PLAIN, "loss": loss, "learnable_scale": True}


def _one_of_two(rank, folder):
    store = dist.FileStore(str(folder / "store"), 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    torch.set_num_threads(1)
    for loss, n in CASES:
        torch.save(gradients(settings_of(loss), n, rank, 2), folder / f"{loss}-{n}-{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gradients")
    torch.multiprocessing.spawn(_one_of_two, (folder,), nprocs=2)
    return folder


@pytest.mark.parametrize(("loss", "n"), CASES)
def test_two_processes_have_loss_and_gradients_of_one_to_1e_5(of_two, loss, n):
    expected = gradients(settings_of(loss), n)
    learned = {"loss.log_scale", "loss.bias"} if loss == "sigmoid" else {"loss.log_scale"}
    assert learned < set(expected)
    for rank in (0, 1):
        found = torch.load(of_two / f"{loss}-{n}-{rank}.pt", weights_only=True)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert value.abs().max() > 0
            torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-5)


def test_each_process_draws_its_own_augmentations(monkeypatch):
    """The first of several, as a process alone does."""
    seeds = []
    monkeypatch.setattr(ContrastiveTask, "_loss", lambda *given: seeds.append(given[3]) or torch.zeros(()))
    for rank in (0, 0, 1, 2):
        ContrastiveTask(FROZEN, PLAIN, 1, rank=rank).training_step({}, 0)
    drawn = [torch.rand(3, generator=generator).tolist() for generator in seeds]
    assert drawn[0] == drawn[1]
    assert len({tuple(numbers) for numbers in drawn}) == 3


# --- the order of the galaxies -------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_processes_share_the_batches_of_one(processes):
    def batches(rank, processes):
        rows = loaders.Share(loaders.EpochSampler(50, seed=3), 8, rank, processes)
        rows.set_epoch(2)
        found = torch.tensor(list(rows)).view(6, -1)  # the last two galaxies fill no batch
        assert len(rows) == found.numel()
        return found

    joint = torch.cat([batches(rank, processes) for rank in range(processes)], 1)
    assert torch.equal(joint, batches(0, 1))


def test_resumed_epoch_leaves_out_the_batches_that_are_done_and_the_next_none():
    whole, resumed = (loaders.Share(loaders.EpochSampler(50, seed=3), 8, 1, 2) for _ in range(2))
    resumed.skip(1, 4)
    for epoch, left in ((1, slice(16, 24)), (2, slice(None))):
        whole.set_epoch(epoch)
        resumed.set_epoch(epoch)
        assert list(resumed) == list(whole)[left]
        assert len(resumed) == 24  # Lightning counts the batches of a whole epoch


# --- how many there are --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "accelerator", "message"),
    [
        ({"devices": 3}, "cpu", r"batch_size` is 8, which 3 processes cannot share .*Make it a multiple"),
        ({"devices": 4}, "gpu", r"devices` is 4, but PyTorch sees 2 GPUs"),
        ({"nodes": 2}, "cpu", r"nodes` is 2, but this is no Slurm job"),
    ],
)
def test_processes_that_cannot_be_are_refused(monkeypatch, changed, accelerator, message):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match=message):
        distributed.choose_processes({**TRAIN, **changed}, accelerator)


def test_auto_takes_all_gpus_or_one_process_on_a_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    settings = {**TRAIN, "devices": "auto"}
    assert distributed.choose_processes(settings, "gpu").total == 4
    assert distributed.choose_processes(settings, "cpu").total == 1
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    assert distributed.choose_processes({**settings, "nodes": 2}, "gpu").total == 8


# --- what a user hears of their errors -----------------------------------------------------------

BUG = {"kind": "ValueError", "message": "no such shape", "time": 1.0, "traceback": "Traceback ..."}
LOST = {"kind": "RuntimeError", "message": "Connection closed by peer", "time": 2.0, "traceback": "..."}
USER = {"kind": "DataError", "message": "`x.h5`: damaged", "time": 3.0, "traceback": "..."}
ASKED = {"kind": "KeyboardInterrupt", "message": "", "time": 3.0, "traceback": "..."}


@pytest.mark.parametrize(
    ("notes", "kind", "message"),
    [
        ({0: LOST, 1: USER}, DataError, "^`x.h5`: damaged$"),
        ({0: BUG, 1: LOST}, RuntimeError, "ValueError: no such shape"),
        ({0: LOST}, GalaxypairError, r"was killed \(of 2, number 1\).*from the last checkpoint"),
        ({}, GalaxypairError, r"was killed \(of 2, number 0, 1\)"),
        ({0: ASKED, 1: LOST}, KeyboardInterrupt, None),
    ],
)
def test_error_that_explains_the_others_is_told(tmp_path, notes, kind, message):
    for rank, note in notes.items():
        (tmp_path / distributed.ERROR.format(rank)).write_text(json.dumps(note))
    with pytest.raises(kind, match=message):
        raise distributed._failure(tmp_path, 2)


# --- whole trainings -----------------------------------------------------------------------------

SCRIPT = Path(__file__).parents[1] / "workflow" / "scripts" / "train.py"
TWO = {**TRAIN, "devices": 2, "batch_size": 4, "epochs": 9}
SRUN = """#!{python}
import os, subprocess, sys
options = dict(word.lstrip("-").split("=") for word in sys.argv[1:] if word.startswith("--") and "=" in word)
command = sys.argv[sys.argv.index({python!r}):]
n = int(options["ntasks"])
ranks = [{{"SLURM_PROCID": str(r), "SLURM_NODEID": str(r), "SLURM_LOCALID": "0"}} for r in range(n)]
shared = {{"SLURM_NTASKS": str(n), "SLURM_NTASKS_PER_NODE": options["ntasks-per-node"]}}
tasks = [subprocess.Popen(command, env={{**os.environ, **shared, **rank}}) for rank in ranks]
sys.exit(max(task.wait() for task in tasks))
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    make_manifest(folder)
    return folder / "manifest.json"


AS_JOB = (
    "import runpy, signal, sys\n"
    "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
    f"sys.path.insert(0, {str(SCRIPT.parent)!r})\n"
    f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
)


def start(manifest, folder, *, path="", threads=2, **changed):
    """Start the script of the rule as a job, with the package on no path, as under conda."""
    texts = {
        "manifest": manifest,
        "state": folder / "state",
        "model-settings": json.dumps(SETTINGS),
        "settings": json.dumps({**TWO, **changed}),
        "provenance": json.dumps({"run": "demo", "source": "simulate"}),
        "threads": threads,
        "weights": folder / "model.safetensors",
        "config": folder / "config.json",
        "history": folder / "history.csv",
        "throughput": folder / "throughput.csv",
    }
    absent = [
        f"--{name}=" for name in ("image-weights", "spectrum-weights", "train-features", "val-features")
    ]
    given = [f"--{name}={value}" for name, value in texts.items()]
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        slurm = {
            "SLURM_JOB_ID": "1",
            "SLURM_NODELIST": "127.0.0.1",
            "MASTER_PORT": str(free.getsockname()[1]),
        }
    return subprocess.Popen(
        [sys.executable, "-c", AS_JOB, *given, *absent, "--modules", __file__],
        env={**known, **slurm, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(process, text):
    """Read what a training says up to a line with some text."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return
    pytest.fail("".join(lines))


def workers_of(folder):
    """Process numbers of the workers, by what stands in their command lines."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if any(str(folder) in word for word in words) and "galaxypair.train_worker" in words:
            found += [] if "torch.distributed.run" in words else [int(entry.name)]
    return sorted(found)


def result(folder):
    return load_file(folder / "model.safetensors"), pd.read_csv(folder / "history.csv")


@pytest.fixture(scope="module")
def undisturbed(manifest, tmp_path_factory):
    """A training by srun, on "two nodes"."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "srun").write_text(SRUN.format(python=sys.executable))
    (folder / "srun").chmod(0o755)
    with start(manifest, folder, path=folder, threads=1, devices=1, nodes=2) as process:
        output = process.stdout.read()
    assert process.returncode == 0, output
    return folder


def test_killed_trainings_resume_to_the_last_digit_of_an_undisturbed_one(manifest, undisturbed, tmp_path):
    with start(manifest, tmp_path) as process:
        wait_for(process, "epoch 2 of 9")
        os.kill(workers_of(tmp_path)[1], signal.SIGKILL)
        assert "A process of the training was killed" in (output := process.stdout.read())
    assert process.returncode == 1
    assert "Traceback" not in output and "torch.distributed" not in output

    with start(manifest, tmp_path) as process:
        wait_for(process, "epoch 4 of 9")
        process.kill()
        process.stdout.read()
    ended = time.monotonic() + 20
    while workers_of(tmp_path) and time.monotonic() < ended:
        time.sleep(0.1)
    assert workers_of(tmp_path) == []

    with start(manifest, tmp_path) as process:
        wait_for(process, "epoch 6 of 9")
        process.terminate()
        output = process.stdout.read()
    assert process.returncode == 130
    assert "saved in mid-epoch" in output and "\nInterrupted: train." in output
    assert "Traceback" not in output

    with start(manifest, tmp_path) as process:
        output = process.stdout.read()
    assert process.returncode == 0, output
    (found, rows), (expected, whole) = result(tmp_path), result(undisturbed)
    assert len(rows) == 9
    assert rows.equals(whole)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_error_of_a_process_comes_to_the_user_as_one_message(manifest, tmp_path):
    with start(manifest, tmp_path, learning_rate=1e30) as process:
        output = process.stdout.read()
    assert process.returncode == 1
    assert "\nError in train: The loss is no longer a number" in output
    assert output.count("Lower `train.learning_rate`") == 1
    assert "Traceback" not in output and "torch.distributed" not in output
