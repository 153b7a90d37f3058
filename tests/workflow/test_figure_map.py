"""Every figure of the reproduction that the documentation names is a target."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reproduction_figures.md"


def named():
    """Files in the second column of the table."""
    rows = [
        line.split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")
    ]
    return [name for row in rows[1:] for name in re.findall(r"`(\w+\.pdf)`", row[2])]


def test_figures_of_the_reproduction_are_targets(snakemake):
    done = snakemake("-n", "everything")
    assert done.returncode == 0, done.stderr
    planned = set(re.findall(r"results/demo/figures/(\w+\.pdf)", done.stdout))
    assert len(named()) > 30
    assert set(named()) - planned == set()
