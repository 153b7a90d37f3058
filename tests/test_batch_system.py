"""Requests of a training, and jobs that a killed Snakemake has left, with stand-ins for Slurm's commands."""

import pytest

from galaxypair import batch_system
from galaxypair.errors import DataError

UUID = "20a74e60-1b8c-5f49-9e4f-0eccc1206743"


def train(**changes):
    return {"accelerator": "gpu", "devices": 4, "nodes": 1, **changes}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (train(), {"nodes": 1, "gpu": 4}),
        (train(devices="auto"), {"nodes": 1, "gpu": 1}),
        (train(accelerator="auto"), {"nodes": 1, "gpu": 0}),
        (train(nodes=2), {"nodes": 2, "mpi": "srun", "tasks_per_node": 4, "gres": "gpu:4"}),
        # the plugin takes tasks_per_node only above 1, and would ask for so many tasks of each GPU
        (
            train(nodes=2, devices=1),
            {"nodes": 2, "mpi": "srun", "tasks": 2, "tasks_per_gpu": 0, "gres": "gpu:1"},
        ),
        (train(nodes=2, accelerator="cpu"), {"nodes": 2, "mpi": "srun", "tasks_per_node": 4}),
    ],
)
def test_training_asks_for_its_devices_nodes_and_tasks(settings, expected):
    found = batch_system.training_resources(settings)
    cpus = found.pop("cpus_per_task", None)
    assert found == expected
    if settings["nodes"] > 1:
        assert cpus(None, threads=16) == 16 // batch_system.processes(settings)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A queue of five jobs; `scancel` empties it, unless there is a file `stuck`."""
    monkeypatch.chdir(tmp_path)
    jobs = {
        "11": (UUID, tmp_path, "'train:run=tiny,trial='"),
        "12": (f"mine_{UUID}", tmp_path, "'embed:run=tiny,split=val' 'umap:space=both,run=tiny'"),
        "13": (UUID, tmp_path, "'train:run=tiny2,trial='"),
        "14": (UUID, tmp_path / "other", "'train:run=tiny,trial='"),
        "15": ("wrap", tmp_path, "'train:run=tiny,trial='"),
    }
    for number, (_, folder, targets) in jobs.items():
        script = (
            f"snakemake --target-jobs {targets} --allowed-rules x --wait-for-files '{folder}/.snakemake/a'"
        )
        (tmp_path / number).write_text(script)
    listed = "\\n".join(f"{number} {name}" for number, (name, *_) in jobs.items())
    commands = {
        "squeue": f'case "$*" in *--me*) printf "{listed}\\n";; *) [ -e cancelled ] || echo 11;; esac',
        "scontrol": 'cat "$3"',
        "scancel": 'echo "$@" > asked; [ -e stuck ] || touch cancelled',
    }
    for name, body in commands.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def test_jobs_of_this_run_and_folder_are_cancelled_and_named(slurm):
    said = []
    batch_system.cancel_left_over("tiny", said.append)
    assert (slurm / "asked").read_text().split() == ["11", "12"]
    assert "killed: 11 (train), 12 (embed, umap)." in said[0]


def test_jobs_that_do_not_end_stop_the_new_run(slurm, monkeypatch):
    (slurm / "stuck").touch()
    monkeypatch.setattr(batch_system, "CANCEL_S", 0)
    with pytest.raises(DataError, match=r"run `tiny` do not end.*11 \(train\).*squeue --me"):
        batch_system.cancel_left_over("tiny", lambda _: None)


def test_without_slurm_nothing_is_done(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    batch_system.cancel_left_over("tiny", pytest.fail)
