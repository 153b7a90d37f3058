"""Let Galaxy Zoo's volunteers vote on the mock survey, in the layout of the published catalogue."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.mock.votes import draw_votes


def simulate_votes(*, truth: Path, votes: Path, seed: int) -> None:
    io.write_table(draw_votes(io.read_arrays(truth)["truth"], seed), votes)


if __name__ == "__main__":
    stage(simulate_votes)
