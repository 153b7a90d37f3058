"""Compare the scatter of scores over training seeds with their bootstrap intervals."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.seed_spread import summarise


def seed_spread(scores: list[Path], table: Path) -> None:
    io.write_table(summarise([io.read_table(path) for path in scores]), table)


if __name__ == "__main__":
    stage(seed_spread)
