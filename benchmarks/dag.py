"""What Snakemake takes to plan jobs that are scattered over shards: `snakemake -n` of a made workflow.

`python benchmarks/dag.py [--shards 10 100 1000 5000]`: two rules per shard and one that gathers. The figures
are printed last.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SNAKEFILE = """
rule gather:
    input: expand("{kind}-{i}", kind=["shard", "embeddings"], i=range(int(config["shards"])))
    output: "gathered"
    shell: "touch {output}"
rule preprocess:
    output: "shard-{i}"
    shell: "touch {output}"
rule embed:
    input: "shard-{i}"
    output: "embeddings-{i}"
    shell: "touch {output}"
"""


def measure(folder: Path, shards: int) -> tuple[float, float]:
    """CPU seconds and peak memory [MB] of a dry run."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "--cores", "1"]
    command += ["--config", f"shards={shards}"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as job:
        _, status, used = os.wait4(job.pid, 0)
        job.returncode = os.waitstatus_to_exitcode(status)
    if job.returncode:
        sys.exit(f"Error: `{' '.join(command)}` ended with {job.returncode}.")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--shards", type=int, nargs="+", default=[10, 100, 1000, 5000])
    found = []
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
        for shards in parser.parse_args().shards:
            seconds, memory = measure(Path(name), shards)
            found.append(f"{2 * shards + 1:,} jobs {seconds:.1f} s, {memory:.0f} MB")
    print(f"CPU time and memory of planning: {'; '.join(found)}")


if __name__ == "__main__":
    main()
