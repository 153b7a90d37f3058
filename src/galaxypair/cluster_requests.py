"""What `--profile slurm` would ask the cluster for: nothing is submitted.

python -m galaxypair.cluster_requests --profile slurm [any other option or target of Snakemake]
"""

import contextlib
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

HEADER = ("entry", "jobs", "partition", "account", "nodes x tasks", "cpus", "memory", "time", "GPUs")
GPU_MISSED = "train: `train.accelerator` is auto, so no GPU is asked for. Set it to gpu, or to cpu."


@dataclass(frozen=True)
class Request:
    """One entry of the queue.

    Parameters
    ----------
    name : str
        The rule, or the group with its rules.
    n_jobs : int
        Jobs of the workflow in it.
    attempts : tuple of dict
        Resources by Snakemake's names, `threads` among them, for the first attempt and each retry.
    """

    name: str
    n_jobs: int
    attempts: tuple[dict, ...]


class _Planned(BaseException):
    """The plan is made: Snakemake is left."""


def gather(arguments: list[str]) -> tuple[list[Request], dict[str, int], dict]:
    """Let Snakemake resolve profile and workflow, as if nothing had been made yet.

    Parameters
    ----------
    arguments : list of str
        Of the command `snakemake`.

    Returns
    -------
    requests : list of Request
        One for each entry of the queue.
    local : dict of str to int
        Rules that run where Snakemake does, and their jobs.
    config : dict
        Of the workflow.

    Raises
    ------
    SystemExit
        If Snakemake cannot plan the workflow; it has said why.
    """
    from snakemake.cli import ExecutorPluginRegistry, args_to_api, parse_args
    from snakemake.scheduling.job_scheduler import JobScheduler
    from snakemake.settings.enums import Quietness

    planned = []

    def stop_before_the_first_job(scheduler: JobScheduler) -> None:
        planned.extend((scheduler.workflow, Path.cwd()))
        raise _Planned  # nothing of Snakemake's stands in its way

    parser, options = parse_args(arguments)
    options.dryrun = options.forceall = options.nolock = True
    options.quiet = set(Quietness) - {Quietness.ALL}  # which leaves dry runs loud
    with (
        mock.patch.object(JobScheduler, "schedule", stop_before_the_first_job),
        contextlib.suppress(_Planned),
    ):
        args_to_api(options, parser)
    if not planned:
        raise SystemExit(1)
    # a dry run counts as local; groups sum up their resources otherwise
    workflow, directory = planned
    workflow._executor_plugin = ExecutorPluginRegistry().get_plugin(options.executor)
    requests, local = [], {}
    with contextlib.chdir(directory):  # Snakemake has left it
        for entry in workflow.dag.get_jobs_or_groups():
            members = list(entry) if entry.is_group() else [entry]
            if entry.is_group() or not entry.is_local:
                requests.append(Request(_name(entry, members), len(members), _attempts(entry)))
            elif not entry.is_norun:
                local[entry.rule.name] = local.get(entry.rule.name, 0) + 1
    return requests, local, workflow.config


def _name(entry: object, members: list) -> str:
    if not entry.is_group():
        return entry.rule.name
    rules = sorted({job.rule.name for job in members})
    shown = ", ".join(rules[:2]) + (", ..." if len(rules) > 2 else "")
    return f"{entry.groupid} ({shown})"


def _attempts(entry: object) -> tuple[dict, ...]:
    found = []
    for attempt in range(1, entry.restart_times + 2):
        entry.attempt = attempt
        found.append(dict(entry.resources.items()) | {"threads": entry.threads})
    return tuple(found)


def table(requests: list[Request]) -> str:
    """Lay out the requests; equal ones share a line.

    Parameters
    ----------
    requests : list of Request

    Returns
    -------
    str
        Values that differ between attempts are separated by slashes.
    """
    counts: dict[tuple, int] = {}
    for request in requests:
        row = _row(request)
        counts[row] = counts.get(row, 0) + 1
    lines = [HEADER]
    for (name, *cells), n in counts.items():
        lines.append((f"{name} x{n}" if n > 1 else name, *cells))
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _row(request: Request) -> tuple[str, ...]:
    first = request.attempts[0]
    nodes, tasks = first.get("nodes", 1), first.get("tasks_per_node")
    tasks = tasks * nodes if tasks else first.get("tasks", 1)
    gpus = str(first.get("gpu", 0) or first.get("gres", "-"))
    return (
        request.name,
        str(request.n_jobs),
        str(first.get("slurm_partition", "(default)")),
        str(first.get("slurm_account", "(guessed)")),
        f"{nodes} x {tasks}",
        str(first.get("cpus_per_task", first["threads"])),
        _of_attempts(request, "mem_mb", _memory),
        _of_attempts(request, "runtime", _time),
        f"{first['gpu_model']}:{gpus}" if "gpu_model" in first else gpus,
    )


def _of_attempts(request: Request, name: str, form: object) -> str:
    return " / ".join(dict.fromkeys(form(found.get(name)) for found in request.attempts))


def _memory(mb: object) -> str:
    return f"{mb / 1000:g} GB" if isinstance(mb, int) else "by the size of its input"


def _time(minutes: object) -> str:
    if not isinstance(minutes, int):
        return "none"
    return f"{minutes // 60}h{minutes % 60:02d}" if minutes >= 60 else f"{minutes} min"


@dataclass(frozen=True)
class Partition:
    """Limits of a partition; None where there is none.

    Parameters
    ----------
    minutes, cpus, memory_mb : int or None
    gpus : bool
    default : bool
    """

    minutes: int | None
    cpus: int
    memory_mb: int
    gpus: bool
    default: bool


def partitions() -> dict[str, Partition]:
    """Ask the cluster for its partitions.

    Returns
    -------
    dict of str to Partition
        Empty where there is no cluster to ask.
    """
    try:
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%P|%l|%c|%m|%G"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, Partition] = {}
    for line in done.stdout.splitlines():
        name, limit, cpus, memory, gres = line.split("|")
        key = name.removesuffix("*")
        other = found.get(key, Partition(None, 0, 0, False, False))
        found[key] = Partition(
            _minutes(limit),
            max(other.cpus, int(cpus.removesuffix("+"))),
            max(other.memory_mb, int(memory.removesuffix("+"))),
            other.gpus or "gpu" in gres,
            name.endswith("*"),
        )
    return found


def _minutes(limit: str) -> int | None:
    """Read Slurm's [days-]hours:minutes:seconds."""
    parts = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if not parts:
        return None
    days, hours, minutes, _ = (int(part or 0) for part in parts.groups())
    return (days * 24 + hours) * 60 + minutes


def warnings(requests: list[Request], config: dict, known: dict[str, Partition]) -> list[str]:
    """Tell what the cluster would refuse, or what would wait for ever.

    Parameters
    ----------
    requests : list of Request
    config : dict
    known : dict of str to Partition
        From `partitions`.

    Returns
    -------
    list of str
        Each says what to change.
    """
    found = []
    if config["train"]["accelerator"] == "auto" and any(r.name == "train" for r in requests):
        found.append(GPU_MISSED)
    default = next((name for name, partition in known.items() if partition.default), None)
    refused: dict[str, list[str]] = {}
    for request in requests if known else ():
        name = request.attempts[0].get("slurm_partition", default)
        if name in known:
            reasons = _excesses(request, name, known[name])
        else:
            reasons = [f"no partition `{name}`. Set `slurm_partition` to one of: {', '.join(known)}"]
        for reason in reasons:
            refused.setdefault(reason, []).append(request.name.partition(" ")[0])
    return found + [f"{', '.join(dict.fromkeys(names))}: {reason}." for reason, names in refused.items()]


def _excesses(request: Request, name: str, partition: Partition) -> list[str]:
    first, last = request.attempts[0], request.attempts[-1]
    cpus = first.get("cpus_per_task", first["threads"]) * first.get("tasks_per_node", 1)
    minutes, memory = last.get("runtime"), last.get("mem_mb")
    nodes = f"nodes of `{name}` have"
    found = []
    if cpus > partition.cpus:
        found.append(f"more CPUs than {nodes} ({partition.cpus}). Lower `cores`")
    if isinstance(memory, int) and memory > partition.memory_mb:
        found.append(f"more memory in the last attempt than {nodes} ({_memory(partition.memory_mb)})")
    if isinstance(minutes, int) and partition.minutes and minutes > partition.minutes:
        allowed = _time(partition.minutes)
        found.append(f"more time in the last attempt than `{name}` allows ({allowed}). Lower `runtime`")
    if (first.get("gpu") or first.get("gres")) and not partition.gpus:
        found.append(f"asks for GPUs, but `{name}` has none. Set `slurm_partition`")
    return found


def main(arguments: list[str]) -> None:
    """Print the table, what runs here, and what is plainly wrong.

    Parameters
    ----------
    arguments : list of str
        Of the command `snakemake`.
    """
    requests, local, config = gather(arguments)
    known = partitions()
    lines = [table(requests), ""]
    lines.append(f"{sum(r.n_jobs for r in requests)} jobs in {len(requests)} entries of the queue.")
    if local:
        lines.append("On this machine: " + ", ".join(f"{rule} ({n})" for rule, n in local.items()) + ".")
    if not known:
        lines.append("`sinfo` does not answer here, so nothing was compared with the cluster's partitions.")
    lines += [f"Warning: {text}" for text in warnings(requests, config, known)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
