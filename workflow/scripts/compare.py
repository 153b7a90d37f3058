"""Put the run's scores beside published and reproduced ones."""

from stage import stage

from pathlib import Path

from galaxypair import compare as comparison
from galaxypair import io


def compare(*, scores: list[Path], table: Path, refusal: str) -> None:
    own = [comparison.score_rows(io.read_table(path)) for path in scores]
    io.write_table(comparison.compare(comparison.published_values(), own, refusal), table)


if __name__ == "__main__":
    stage(compare)
