"""Several processes train as one: how many there are, how they are started, watched and ended.

The script of the rule starts the processes by torchrun, or over several nodes by srun, and waits. They
hold the other end of a pipe as their standard input, which is closed when the script has gone, however it
ended. Their log comes back through their output, their errors by files in the folder of the training.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
from lightning.fabric.plugins import ClusterEnvironment
from lightning.fabric.plugins.environments import (
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)

from galaxypair import errors, io
from galaxypair.errors import ConfigError, GalaxypairError

logger = logging.getLogger(__name__)

WORKER = "galaxypair.train_worker"
ERROR = "error-{}.json"  # in the folder of the training, by rank
END_S = 60.0  # for processes that were asked to end: they finish a batch and save
_LOG_ONLY = {"shown_as_bar": True}  # lines that the terminal leaves out


@dataclass(frozen=True)
class Processes:
    """The processes of a training.

    Parameters
    ----------
    accelerator : {"cpu", "gpu"}
    per_node : int
        One for each GPU.
    nodes : int
    """

    accelerator: str
    per_node: int = 1
    nodes: int = 1

    @property
    def total(self) -> int:
        """Processes on all nodes."""
        return self.per_node * self.nodes


def choose_processes(settings: dict, accelerator: str) -> Processes:
    """Tell in how many processes a training runs.

    Parameters
    ----------
    settings : dict
        Section `train` of the config.
    accelerator : {"cpu", "gpu"}

    Returns
    -------
    Processes

    Raises
    ------
    ConfigError
        If there are not so many GPUs, no allocation of nodes, or a batch cannot be shared evenly.
    """
    visible = torch.cuda.device_count() if accelerator == "gpu" else 1
    per_node = visible if settings["devices"] == "auto" else settings["devices"]
    if accelerator == "gpu" and per_node > visible:
        raise ConfigError(
            f"`train.devices` is {per_node}, but PyTorch sees {visible} GPUs on this machine. Lower it, set "
            "it to auto, or ask the batch system for more."
        )
    if settings["nodes"] > 1 and "SLURM_JOB_ID" not in os.environ:
        raise ConfigError(
            f"`train.nodes` is {settings['nodes']}, but this is no Slurm job, which several nodes need. Set "
            "it to 1, or run with `--profile slurm`."
        )
    chosen = Processes(accelerator, per_node, settings["nodes"])
    if settings["batch_size"] % chosen.total:
        raise ConfigError(
            f"`train.batch_size` is {settings['batch_size']}, which {chosen.total} processes cannot share "
            f"evenly (`train.devices` {per_node}, `train.nodes` {settings['nodes']}). Make it a multiple."
        )
    return chosen


def environment() -> ClusterEnvironment:
    """Tell Lightning who started this process; it must neither start others nor requeue jobs.

    Returns
    -------
    ClusterEnvironment
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return TorchElasticEnvironment()
    return SLURMEnvironment(auto_requeue=False)


def alone() -> ClusterEnvironment:
    """Tell Lightning that this process trains alone, whatever the batch system's variables say."""
    return LightningEnvironment()


# --- in the script -------------------------------------------------------------------------------


def launch(processes: Processes, folder: Path, request: dict, threads: int) -> None:
    """Train in several processes; come back when all of them are done.

    Parameters
    ----------
    processes : Processes
    folder : Path
        Of the training; all nodes see it.
    request : dict
        What `train_worker` is to do, of JSON's types and paths.
    threads : int
        CPU threads of a node, which its processes share.

    Raises
    ------
    GalaxypairError
        What a process raised, or that one was killed.
    KeyboardInterrupt
        If a process was asked to end.
    RuntimeError
        If a process failed by a fault of the program; the log has its traceback.
    """
    for old in folder.glob(ERROR.format("*")):
        old.unlink()
    path = folder / "request.json"
    io.write_text(json.dumps(request, default=str, indent=1), path)
    share = max(threads // processes.per_node, 1)
    logger.info("training in %d processes", processes.total)
    with subprocess.Popen(
        _command(processes, path, share),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment_of_workers(share),
        start_new_session=True,  # Ctrl-C comes to the script alone, which passes it on
    ) as started:
        reader = threading.Thread(target=_relay, args=(started.stdout,), daemon=True)
        reader.start()
        try:
            started.wait()
        except BaseException:
            started.terminate()
            _wait(started)
            raise
        finally:
            started.stdin.close()
            reader.join(timeout=END_S)
    if started.returncode:
        raise _failure(folder, processes.total)


def _command(processes: Processes, request: Path, threads: int) -> list[str]:
    worker = ["-m", WORKER, str(request)]
    if processes.nodes == 1:
        own = ["--standalone", "--local-addr=127.0.0.1", f"--nproc-per-node={processes.per_node}"]
        return [sys.executable, "-m", "torch.distributed.run", *own, *worker]
    return [
        "srun",
        "--overlap",  # with the step that the script itself may run in
        f"--nodes={processes.nodes}",
        f"--ntasks={processes.total}",
        f"--ntasks-per-node={processes.per_node}",
        f"--cpus-per-task={threads}",
        "--kill-on-bad-exit=1",
        sys.executable,
        *worker,
    ]


def _environment_of_workers(threads: int) -> dict[str, str]:
    """Snakemake unsets PYTHONPATH; the workers must import the very package that the script uses."""
    source = str(Path(__file__).resolve().parents[1])
    paths = [source, os.environ.get("PYTHONPATH", "")]
    own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONSAFEPATH": "1"}
    return {**os.environ, **own, "OMP_NUM_THREADS": str(threads)}


def _relay(output: IO[str]) -> None:
    """Write what the processes say to this job's log; what is no record of theirs, there alone."""
    for line in output:
        try:
            level, name, text = json.loads(line)
        except ValueError:
            logger.info("%s", line.rstrip(), extra=_LOG_ONLY)
        else:
            logging.getLogger(name).log(level, "%s", text)


def _wait(started: subprocess.Popen) -> None:
    """Let processes that were asked to end do so; then make them."""
    try:
        started.wait(END_S)
    except subprocess.TimeoutExpired:
        started.stdin.close()
        started.kill()


def _failure(folder: Path, n: int) -> BaseException:
    """Tell what a user should hear of the errors that the processes left."""
    notes = {}
    for rank in range(n):
        note = folder / ERROR.format(rank)
        if note.exists():
            notes[rank] = json.loads(note.read_text(encoding="utf-8"))
            logger.error("process %d failed:\n%s", rank, notes[rank]["traceback"], extra=_LOG_ONLY)
    for note in notes.values():
        if kind := getattr(errors, note["kind"], None):
            return kind(note["message"])
    if any(note["kind"] == "KeyboardInterrupt" for note in notes.values()):
        return KeyboardInterrupt()
    silent = [rank for rank in range(n) if rank not in notes]
    if silent or not notes:
        return GalaxypairError(
            f"A process of the training was killed (of {n}, number {', '.join(map(str, silent))}), most "
            "likely for lack of memory. Lower `train.batch_size` or `train.devices`, or take a larger "
            "machine, then run the same command again: it goes on from the last checkpoint."
        )
    first = min(notes.values(), key=lambda note: note["time"])
    return RuntimeError(f"a process of the training failed: {first['kind']}: {first['message']}")


# --- in a process of the training ----------------------------------------------------------------


class _Records(logging.Formatter):
    """A line of JSON for each record, which the script writes to its own log."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps([record.levelno, record.name, record.getMessage()])


@contextmanager
def worker(folder: Path, rank: int) -> Iterator[None]:
    """Be a process of a training: log to the script, tell it of errors, end with it.

    Parameters
    ----------
    folder : Path
        Of the training.
    rank : int
        The first one shows the progress; the others speak of trouble alone.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Records())
    logging.basicConfig(handlers=[handler], level=logging.WARNING if rank else logging.INFO, force=True)
    logging.captureWarnings(True)
    if rank:
        warnings.simplefilter("ignore")  # those of the first process do
    threading.Thread(target=_end_with_script, daemon=True).start()
    try:
        yield
    except BaseException as err:
        known = err if isinstance(err, GalaxypairError) else errors.as_users_error(err) or err
        note = {
            "kind": type(known).__name__,
            "message": str(known),
            "time": time.time(),
            "traceback": traceback.format_exc(),
        }
        io.write_text(json.dumps(note), folder / ERROR.format(rank))
        sys.stdout.flush()
        os._exit(1)  # not by way of the others, which may wait for this one


def _end_with_script() -> None:
    """Nothing is ever written to this pipe: it ends when the script does."""
    while os.read(0, 1):
        pass
    os._exit(1)
