"""`snakemake --profile slurm` on a cluster of this machine alone: `pytest -m slurm`, minutes."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from test_dag import SETTINGS

REPO = Path(__file__).resolve().parents[2]
CLUSTER = REPO / "tests" / "slurm"
SUBMITTED = r"has been submitted with SLURM jobid (\d+)"
MODEL = "results/tiny/model/model.safetensors"
pytestmark = pytest.mark.slurm


def _missing() -> str | None:
    """What this machine lacks for a cluster of its own."""
    if os.geteuid() != 0:
        return "a private Slurm cluster needs root"
    if not shutil.which("apt-get"):
        return "a private Slurm cluster is installed from Debian's packages: no apt-get here"
    link = Path("/etc/slurm/slurm.conf")
    if link.exists() and "slurm-test" not in str(link.resolve()):
        return f"this machine belongs to a Slurm cluster: {link}"
    return None


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    if reason := _missing():
        pytest.skip(reason)
    started = subprocess.run([CLUSTER / "slurm-up.sh"], capture_output=True, text=True, check=False)
    assert started.returncode == 0, started.stdout + started.stderr
    yield
    subprocess.run([CLUSTER / "slurm-down.sh", "--purge"], check=True)


def command(project: Path, *options: object) -> list[str]:
    words = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--directory", project, *options]
    words += ["--slurm-init-seconds-before-status-checks", "2", "--configfile", project / "tiny.yaml"]
    return list(map(str, words))


def snakemake(project: Path, *options: object) -> str:
    """Run Snakemake to its end; fail with all that it printed."""
    done = subprocess.run(
        command(project, *options),
        cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        logs = (project / ".snakemake" / "slurm_logs").rglob("*.log")
        pytest.fail(done.stdout + "".join(path.read_text(errors="replace") for path in logs))
    return done.stdout


def accounted(numbers: list[str]) -> list[dict]:
    """What the cluster keeps of some jobs."""
    keys = ("state", "nnodes", "reqmem", "timelimit", "ncpus")
    rows = subprocess.run(
        ["sacct", "-X", "-n", "-P", f"--jobs={','.join(numbers)}", f"--format={','.join(keys)}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [dict(zip(keys, row.split("|"), strict=True)) for row in rows.stdout.splitlines()]


@pytest.fixture(scope="module")
def project(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("slurm")
    shutil.copytree(REPO / "config", folder / "config")
    train = {**SETTINGS["train"], "accelerator": "cpu", "devices": 1, "nodes": 2}
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**SETTINGS, "train": train}))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def whole(project: Path) -> str:
    """The whole workflow, with a training on two nodes, and too little memory for one job at first."""
    return snakemake(project, "--set-resources", "preprocess:mem_mb=150 if attempt == 1 else 4000")


def test_whole_workflow_runs_in_a_few_entries_of_the_queue(project, whole):
    assert (project / "results" / "tiny" / "report.html").is_file()
    jobs = accounted(re.findall(SUBMITTED, whole))
    assert len(jobs) <= 20
    assert int(re.search(r"(\d+) of \d+ steps \(100%\)", whole)[1]) > 50
    assert len([job for job in jobs if job["state"] != "COMPLETED"]) == 1  # for lack of memory, see below


def test_job_without_memory_enough_is_retried_with_more(project, whole):
    numbers = re.findall(rf"{SUBMITTED} \(log: \S+rule_preprocess", whole)
    first, second = accounted(numbers)
    # with cgroups, which this cluster lacks, the state would be OUT_OF_MEMORY
    assert (first["state"], first["reqmem"]) == ("FAILED", "150M")
    assert (second["state"], second["reqmem"]) == ("COMPLETED", "4000M")
    assert first["timelimit"] != second["timelimit"]
    logs = project / ".snakemake" / "slurm_logs" / "rule_preprocess"
    assert "exceeded memory limit" in "".join(path.read_text() for path in logs.rglob("*.log"))


def test_training_in_tasks_of_two_nodes(project, whole):
    (job,) = accounted(re.findall(rf"{SUBMITTED} \(log: \S+rule_train", whole))
    assert (job["state"], job["nnodes"]) == ("COMPLETED", "2")
    assert "training in 2 processes" in (project / "logs" / "tiny" / "train.log").read_text()
    assert "Nothing to be done" in snakemake(project)


@pytest.fixture(scope="module")
def training(project: Path, whole: str) -> Iterator[Callable]:
    """A training without end in one process, on the survey that is there; its time limit is one minute."""
    running = []

    def start() -> subprocess.Popen:
        printed = (project / f"training-{len(running)}.log").open("w")
        options = [MODEL, "--set-resources", "train:runtime=1 if attempt == 1 else 60"]
        options += ["--config", "train={epochs: 100000, nodes: 1}"]
        process = subprocess.Popen(
            command(project, *options), cwd=REPO, stdout=printed, stderr=subprocess.STDOUT
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()


def wait_for(project: Path, text: str, *, log: str, seconds: float = 120) -> str:
    """Wait until a file says something; what it says."""
    ended = time.monotonic() + seconds
    path = project / log
    while time.monotonic() < ended:
        said = path.read_text() if path.exists() else ""
        if re.search(text, said):
            return said
        time.sleep(0.5)
    pytest.fail(f"{log} does not say {text}:\n{said}")


def queue() -> dict[str, str]:
    """Jobs that wait or run, and which."""
    listed = subprocess.run(["squeue", "-h", "-o", "%i %T"], capture_output=True, text=True, check=True)
    return dict(line.split() for line in listed.stdout.splitlines())


def test_training_is_resumed_after_its_time_limit_scancel_and_the_end_of_snakemake(project, training):
    first = training()
    # Slurm's time limits are whole minutes
    said = wait_for(project, f"(?s){SUBMITTED}.*{SUBMITTED}", log="training-0.log", seconds=240)
    limited, again = re.findall(SUBMITTED, said)
    (job,) = accounted([limited])
    assert (job["state"], job["timelimit"]) == ("TIMEOUT", "00:01:00")
    wait_for(project, "resuming", log="logs/tiny/train.log")

    log = project / "logs" / "tiny" / "train.log"
    log.unlink()  # so that what it says next is another job's
    subprocess.run(["scancel", again], check=True)
    said = wait_for(project, f"(?s)jobid {again}\\b.*{SUBMITTED}", log="training-0.log")
    orphan = re.findall(SUBMITTED, said)[-1]
    wait_for(project, "resuming", log="logs/tiny/train.log")

    log.unlink()
    first.kill()
    first.wait()
    assert list(queue()) == [orphan]
    second = training()
    said = wait_for(project, SUBMITTED, log="training-1.log")
    assert f"Cancelling Slurm jobs of a Snakemake that was killed: {orphan} (train)" in said
    wait_for(project, "resuming", log="logs/tiny/train.log")
    assert list(queue()) == re.findall(SUBMITTED, said)

    second.send_signal(signal.SIGINT)
    assert second.wait(timeout=90) == 1
    wait_for(project, "train was interrupted", log="logs/tiny/train.log")
