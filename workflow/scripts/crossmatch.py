"""Cross-match the kept galaxies with PROVABGS by TARGETID.

Writes one row of properties per kept galaxy, and how many galaxies were lost at which step.
"""

from stage import stage

import logging
from pathlib import Path

import pandas as pd

from galaxypair import io
from galaxypair.crossmatch import crossmatch as join


logger = logging.getLogger(__name__)


def crossmatch(ledger: Path, provabgs: Path | None, properties: Path, losses: Path) -> None:
    kept = io.read_table(ledger, columns=["targetid", "split", "z", "kept"])
    if provabgs is None:
        logger.warning("No catalogue of properties (`download.provabgs` is null): only redshifts are known.")
    joined, lost = join(
        kept, pd.DataFrame({"targetid": []}) if provabgs is None else io.read_provabgs(provabgs)
    )
    io.write_table(joined, properties)
    io.write_table(lost, losses)


if __name__ == "__main__":
    stage(crossmatch)
