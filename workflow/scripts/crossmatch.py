"""Cross-match the kept galaxies with PROVABGS by TARGETID.

Writes one row of properties per kept galaxy, and how many galaxies were lost at which step.
"""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.crossmatch import crossmatch as join


def crossmatch(ledger: Path, provabgs: Path, properties: Path, losses: Path) -> None:
    kept = io.read_table(ledger, columns=["targetid", "split", "z", "kept"])
    joined, lost = join(kept, io.read_provabgs(provabgs))
    io.write_table(joined, properties)
    io.write_table(lost, losses)


if __name__ == "__main__":
    stage(crossmatch)
