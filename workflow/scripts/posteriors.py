"""Copy the posterior samples of the matched galaxies out of PROVABGS.

One row per matched galaxy, in the order of the catalogue: join by `targetid`.
"""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.crossmatch import matched_rows


def posteriors(properties: Path, provabgs: Path, posteriors: Path) -> None:
    joined = io.read_table(properties, columns=["targetid", "matched"])
    io.write_posteriors(posteriors, provabgs, matched_rows(joined, io.read_provabgs(provabgs)))


if __name__ == "__main__":
    stage(posteriors)
