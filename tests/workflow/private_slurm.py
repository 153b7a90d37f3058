"""A Slurm cluster of this machine alone, and what tests ask of it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLUSTER = Path(__file__).resolve().parents[1] / "slurm"
SUBMITTED = r"has been submitted with SLURM jobid (\d+)"
# by default Snakemake waits longer before it asks for the first time
PROFILE = ("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "2")


def missing() -> str | None:
    """What this machine lacks for a cluster of its own."""
    if os.geteuid() != 0:
        return "a private Slurm cluster needs root"
    if not shutil.which("apt-get"):
        return "a private Slurm cluster is installed from Debian's packages: no apt-get here"
    link = Path("/etc/slurm/slurm.conf")
    if link.exists() and "slurm-test" not in str(link.resolve()):
        return f"this machine belongs to a Slurm cluster: {link}"
    return None


@contextmanager
def running() -> Iterator[None]:
    """Start the cluster; stop it at the end."""
    started = subprocess.run([CLUSTER / "slurm-up.sh"], capture_output=True, text=True, check=False)
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        yield
    finally:
        subprocess.run([CLUSTER / "slurm-down.sh", "--purge"], check=True)


def accounted(numbers: list[str]) -> list[dict]:
    """What the cluster keeps of some jobs."""
    keys = ("state", "nnodes", "reqmem", "timelimit", "ncpus")
    rows = subprocess.run(
        ["sacct", "-X", "-n", "-P", f"--jobs={','.join(numbers)}", f"--format={','.join(keys)}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [dict(zip(keys, row.split("|"), strict=True)) for row in rows.stdout.splitlines()]


def queue() -> dict[str, str]:
    """Jobs that wait or run, and which."""
    listed = subprocess.run(["squeue", "-h", "-o", "%i %T"], capture_output=True, text=True, check=True)
    return dict(line.split() for line in listed.stdout.splitlines())
