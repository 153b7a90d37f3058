"""Kill the workflow again and again: `python tests/survival/kills.py --help`.

At random times one of these is killed with SIGKILL, then the same command is given again:
Snakemake alone (its jobs live on), one running job, or all processes at once, as by a power cut. When a
run is done, it is compared with one that nobody disturbed, and the next one begins, in a folder of its own.
"""

import argparse
import base64
import csv
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from same_results import differences

REPO = Path(__file__).resolve().parents[2]
KINDS = ("snakemake", "job", "all")
COLUMNS = ("kill", "run", "start", "seconds", "killed", "running", "complete_files", "next_start")
LONGEST_S = 3600  # of a run until it ends; only one that hangs takes longer


class NotSurvivedError(Exception):
    """A command failed, made again what was complete, or came to another result."""


@dataclass
class Workflow:
    """One project folder, and what is known of its files.

    Parameters
    ----------
    folder, settings : Path
    targets : list of str
    cores : int
    """

    folder: Path
    settings: Path
    targets: list[str]
    cores: int
    starts: int = 0
    complete: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make the folder, with the shipped configuration."""
        shutil.copytree(REPO / "config", self.folder / "config")

    def start(self) -> psutil.Popen:
        """Give the command, always the same."""
        self.starts += 1
        options = ["--cores", self.cores, "--directory", self.folder, "--configfile", self.settings]
        command = [sys.executable, "-m", "snakemake", *self.targets, *options]
        with self.log.open("w") as log:
            return psutil.Popen(
                list(map(str, command)), cwd=REPO, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def log(self) -> Path:
        """What the latest command printed."""
        return self.folder / f"start-{self.starts}.log"

    def check_complete(self) -> None:
        """Stop if a file has changed that was complete; take note of those that are now.

        A file is complete when Snakemake has noted its job as done.
        """
        again = [str(path) for path, was in self.complete.items() if identity(path) != was]
        if again:
            raise NotSurvivedError(f"made again, though complete: {', '.join(again)} ({self.log})")
        notes = self.folder / ".snakemake"
        done = set(recorded(notes / "metadata")) - set(recorded(notes / "incomplete"))
        self.complete = {Path(name): identity(self.folder / name) for name in done}
        self.complete = {self.folder / name: was for name, was in self.complete.items() if was}


def identity(path: Path) -> tuple[int, int] | None:
    """Tell a file from the same one made again."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def recorded(folder: Path) -> Iterator[str]:
    """Names that Snakemake has a record of: it writes them in base 64, long ones over several levels."""
    for path in folder.rglob("*"):
        if path.is_file():
            coded = "".join(part.removeprefix("@") for part in path.relative_to(folder).parts)
            yield base64.urlsafe_b64decode(coded).decode()


def running(process: psutil.Popen) -> dict[psutil.Process, str]:
    """Jobs of a Snakemake, by rule."""
    found = {}
    for child in process.children():
        try:
            script = next((word for word in child.cmdline() if "/.snakemake/scripts/" in word), None)
        except psutil.NoSuchProcess:
            continue
        if script:
            found[child] = script.split(".")[-2]
    return found


def kill(process: psutil.Popen, kind: str, chance: random.Random) -> tuple[str, str]:
    """Kill, and wait for the end of Snakemake; give what was killed, and what was running."""
    jobs = running(process)
    if kind == "job" and jobs:
        victim = chance.choice(sorted(jobs, key=lambda job: job.pid))
        killed = f"job {jobs[victim]}"
        victim.kill()
    elif kind == "all":
        killed = "all processes"
        os.killpg(process.pid, signal.SIGKILL)
    else:
        killed = "snakemake"
        process.kill()
    process.wait(LONGEST_S)
    return killed, " ".join(sorted(jobs.values())) or "-"


def disturbed(flow: Workflow, kills: int, span: float, chance: random.Random) -> Iterator[dict]:
    """Run to the end, killed at most so many times; give a row for each kill."""
    row: dict | None = None
    while True:
        process = flow.start()
        limit = chance.uniform(0.5, span) if kills else LONGEST_S
        try:
            status = process.wait(limit)
        except psutil.TimeoutExpired:
            status = None
        if status not in (None, 0):
            raise NotSurvivedError(f"the command failed, status {status} ({flow.log})")
        if row:
            yield row | {"next_start": "complete" if status == 0 else "killed again"}
        if status == 0:
            flow.check_complete()
            return
        if not kills:
            process.kill()
            raise NotSurvivedError(f"still running after {LONGEST_S} s ({flow.log})")
        killed, was_running = kill(process, chance.choice(KINDS), chance)
        flow.check_complete()
        kills -= 1
        row = {
            "start": flow.starts,
            "seconds": f"{limit:.1f}",
            "killed": killed,
            "running": was_running,
            "complete_files": len(flow.complete),
        }


def main(arguments: argparse.Namespace) -> None:
    """Make the undisturbed run, then others until all kills are done or one is not survived."""
    run = yaml.safe_load(arguments.settings.read_text())["run"]

    def workflow(name: str) -> Workflow:
        flow = Workflow(arguments.folder / name, arguments.settings, arguments.targets, arguments.cores)
        flow.prepare()
        return flow

    print(f"seed {arguments.seed}", flush=True)
    reference = arguments.folder / "undisturbed"
    begun = time.monotonic()
    if not reference.exists():
        list(disturbed(workflow("undisturbed"), 0, 0, random.Random()))
    span = arguments.span or (time.monotonic() - begun) / 5
    print(
        f"undisturbed: {time.monotonic() - begun:.0f} s; kills up to {span:.0f} s after a start", flush=True
    )
    chance, done, rounds = random.Random(arguments.seed), 0, 0
    with (arguments.folder / "kills.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        while done < arguments.kills:
            rounds += 1
            flow = workflow(f"killed-{rounds}")
            for row in disturbed(flow, arguments.kills - done, span, chance):
                done += 1
                named = {"kill": done, "run": rounds} | row
                table.writerow(named)
                file.flush()
                print(*named.values(), sep=" | ", flush=True)
            if differing := differences(reference / "results" / run, flow.folder / "results" / run):
                raise NotSurvivedError(f"not as undisturbed, in {flow.folder}: {', '.join(differing)}")
            print(f"run {rounds}: as undisturbed", flush=True)
    print(f"{done} of {arguments.kills} kills survived, in {rounds} runs")


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the projects go; an undisturbed one is used again")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--settings", type=Path, required=True, help="a config file that names `run`")
    parser.add_argument("--targets", nargs="*", default=[])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--span", type=float, help="latest kill after a start [s]; else a fifth of a run")
    return parser.parse_args(words)


if __name__ == "__main__":
    try:
        main(parse())
    except NotSurvivedError as err:
        sys.exit(f"NOT SURVIVED: {err}")
