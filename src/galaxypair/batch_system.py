"""What a training asks a batch system for, and what a killed Snakemake has left in its queue."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from galaxypair.errors import DataError

CANCEL_S = 120  # a training finishes a batch and saves


def processes(train: dict) -> int:
    """Count the processes of a training on each machine.

    Parameters
    ----------
    train : dict
        Section `train` of the config.

    Returns
    -------
    int
        `auto` counts as one, since the GPUs of the machine that a job gets are not known before.
    """
    return 1 if train["devices"] == "auto" else train["devices"]


def training_resources(train: dict) -> dict[str, int | str | Callable]:
    """Tell the devices, nodes and tasks of a training, by the names of Snakemake's Slurm plugin.

    Parameters
    ----------
    train : dict
        Section `train` of the config.

    Returns
    -------
    dict

    Notes
    -----
    GPUs of several nodes are asked for by node (`gres`): of a total (`gpu`), Slurm may give a step of `srun`
    fewer on one node than on the other.
    """
    here, gpu = processes(train), train["accelerator"] == "gpu"
    if train["nodes"] == 1:
        return {"nodes": 1, "gpu": here if gpu else 0}
    tasks = {"tasks_per_node": here} if here > 1 else {"tasks": train["nodes"], "tasks_per_gpu": 0}
    return {
        "mpi": "srun",  # the training starts its own tasks
        "nodes": train["nodes"],
        "cpus_per_task": lambda wildcards, threads: max(threads // here, 1),
        **tasks,
        **({"gres": f"gpu:{here}"} if gpu else {}),
    }


def cancel_left_over(run: str, say: Callable[[str], None]) -> None:
    """Cancel the Slurm jobs of a run whose Snakemake is gone: they write what the next ones write.

    For whoever holds the lock of the run. Without Slurm, nothing is done.

    Parameters
    ----------
    run : str
        In this folder; the jobs of other runs and folders are left alone.
    say : callable
        Shows a line to the user.

    Raises
    ------
    DataError
        If they do not end.
    """
    left = left_over(run)
    if not left:
        return
    shown = ", ".join(f"{number} ({rules})" for number, rules in left.items())
    say(
        f"Cancelling Slurm jobs of a Snakemake that was killed: {shown}. Trainings go on from where they are."
    )
    _answer("scancel", *left)
    ended = time.monotonic() + CANCEL_S
    while _answer("squeue", "--noheader", f"--jobs={','.join(left)}").strip():
        if time.monotonic() > ended:
            raise DataError(
                f"Slurm jobs of the run `{run}` do not end, though they were cancelled: {shown}. See `squeue "
                "--me`, and run the same command again when they are gone."
            )
        time.sleep(1)


def left_over(run: str) -> dict[str, str]:
    """Find the Slurm jobs that make files of a run in this folder.

    Parameters
    ----------
    run : str

    Returns
    -------
    dict of str to str
        Their rules by their numbers.
    """
    found = {}
    for line in _answer("squeue", "--me", "--noheader", "--format=%i %j").splitlines():
        number, _, name = line.strip().partition(" ")
        if not re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", name):  # as Snakemake names them
            continue
        script = _answer("scontrol", "write", "batch_script", number, "-")
        jobs = re.search(r"--target-jobs (.+?) --allowed-rules", script)
        if not jobs or f"{Path.cwd()}/.snakemake/" not in script:
            continue
        rules = re.findall(rf"'?(\w+):(?:[^ ']*,)?run={re.escape(run)}(?=[,' ]|$)", jobs[1])
        if rules:
            found[number] = ", ".join(dict.fromkeys(rules))
    return found


def _answer(*command: str) -> str:
    """Run a command of Slurm for what it prints: nothing, where there is none or it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
