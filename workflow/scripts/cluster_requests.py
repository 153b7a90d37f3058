"""Print what a cluster would be asked for, by the Snakemake that runs this; nothing is submitted."""

from stage import stage

import os
import subprocess
import sys


def cluster_requests(*, python: str, command: list[str], start: str, source: str) -> None:
    # Snakemake's own interpreter: under --use-conda, this one lacks Snakemake
    done = subprocess.run(
        [python, "-m", "galaxypair.cluster_requests", *command],
        cwd=start, env={**os.environ, "PYTHONPATH": source}, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    sys.exit(done.returncode)


if __name__ == "__main__":
    stage(cluster_requests)
