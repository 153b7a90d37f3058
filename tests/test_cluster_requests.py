"""What a cluster would be asked for, and what it would refuse."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from galaxypair.cluster_requests import Partition, Request, partitions, table, warnings

REPO = Path(__file__).resolve().parents[1]
CPU = Partition(minutes=600, cpus=8, memory_mb=32000, gpus=False, default=True)
GPU = Partition(minutes=None, cpus=64, memory_mb=256000, gpus=True, default=False)
CONFIG = {"train": {"accelerator": "gpu"}}


def request_for(name="train", *, retries=2, **resources):
    first = {"mem_mb": 4000, "runtime": 60, "threads": 8, **resources}
    grown = {key: first[key] for key in ("mem_mb", "runtime") if isinstance(first[key], int)}
    attempts = range(1, retries + 2)
    return Request(name, 1, tuple(first | {k: v * n for k, v in grown.items()} for n in attempts))


def test_equal_requests_share_a_line_and_attempts_stand_beside_each_other():
    train = request_for(nodes=2, tasks_per_node=4, cpus_per_task=2, gres="gpu:4", slurm_partition="fast")
    lines = table([request_for("embed"), train, request_for("embed")]).splitlines()
    assert len(lines) == 3
    assert lines[1].split() == (
        "embed x2 1 (default) (guessed) 1 x 1 8 4 GB / 8 GB / 12 GB 1h00 / 2h00 / 3h00 -".split()
    )
    assert lines[2].split()[1:9] == ["1", "fast", "(guessed)", "2", "x", "8", "2", "4"]
    assert lines[2].endswith("gpu:4")


def test_memory_by_an_input_that_is_not_there_yet_is_said_to_be():
    assert "by the size of its input" in table([request_for(mem_mb="<TBD>")])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"threads": 16}, r"train: more CPUs than nodes of `cpu` have \(8\). Lower `cores`."),
        ({"cpus_per_task": 4, "tasks_per_node": 4}, "more CPUs"),
        ({"mem_mb": 11000}, r"more memory in the last attempt than nodes of `cpu` have \(32 GB\)"),
        ({"runtime": 201}, r"more time in the last attempt than `cpu` allows \(10h00\). Lower `runtime`"),
        ({"gpu": 1}, "asks for GPUs, but `cpu` has none. Set `slurm_partition`."),
        ({"slurm_partition": "gpus"}, "no partition `gpus`. Set `slurm_partition` to one of: cpu, gpu."),
    ],
)
def test_what_the_cluster_would_refuse_is_said_with_what_to_change(asked, message):
    known = {"cpu": CPU, "gpu": GPU}
    (found,) = warnings([request_for(**asked), request_for("embed")], CONFIG, known)
    assert re.search(message, found)
    assert warnings([request_for(slurm_partition="gpu", gpu=4, threads=64)], CONFIG, known) == []


def test_training_without_a_gpu_by_default_is_pointed_out():
    (found,) = warnings([request_for()], {"train": {"accelerator": "auto"}}, {})
    assert "no GPU is asked for" in found


def test_partitions_are_read_from_sinfo(tmp_path, monkeypatch):
    lines = (
        "cpu*|2-12:30:00|16|64000|(null)\\ncpu*|2-12:30:00|32+|64000+|(null)\\ngpu|infinite|64|1|gpu:a100:4"
    )
    (tmp_path / "sinfo").write_text(f'#!/bin/sh\nprintf "{lines}\\n"\n')
    (tmp_path / "sinfo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert partitions() == {
        "cpu": Partition(3630, 32, 64000, False, True),
        "gpu": Partition(None, 64, 1, True, False),
    }
    monkeypatch.setenv("PATH", "")
    assert partitions() == {}


def test_rule_prints_every_entry_as_the_profile_resolves_it(tmp_path):
    options = ["--directory", tmp_path, "--configfile", REPO / "config" / "config.yaml", "--config"]
    options += ["run=asked", "train={accelerator: gpu, devices: 2, nodes: 2}"]
    # without stored features, whose size decides the memory of a training and is not known before
    options += ["model={image: {pretrained: false}, spectrum: {pretrained: false}}"]
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "cluster_requests", *options]
    done = subprocess.run(list(map(str, command)), cwd=REPO, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    row = next(line for line in printed.splitlines() if line.startswith("train "))
    assert "2 x 4" in row and "8 GB / 16 GB / 24 GB" in row and row.endswith("gpu:2")
    assert "58 jobs in 16 entries of the queue." in printed
    assert not list(tmp_path.glob("results/*"))
