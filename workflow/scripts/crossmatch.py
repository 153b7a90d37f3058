"""Cross-match the kept galaxies with PROVABGS by TARGETID.

Writes one row of properties per kept galaxy, and how many galaxies were lost at which step. Metallicity,
age and star formation rate are taken from the table of the Multimodal Universe, or computed, if the
config says so.
"""

from stage import stage

import logging
from pathlib import Path

import pandas as pd

from galaxypair import derived, io
from galaxypair.crossmatch import crossmatch as join
from galaxypair.crossmatch import matched_rows


def crossmatch(
    ledger: Path, provabgs: Path | None, properties: Path, losses: Path,
    mmu_provabgs: Path | None = None, sps: str = "none",
) -> None:  # fmt: skip
    kept = io.read_table(ledger, columns=["targetid", "split", "z", "kept"])
    if provabgs is None:
        logging.getLogger(__name__).warning("No catalogue of properties: only redshifts are known.")
    catalogue = pd.DataFrame({"targetid": []}) if provabgs is None else io.read_provabgs(provabgs)
    joined, lost = join(kept, catalogue)
    if mmu_provabgs:
        joined = derived.attach(joined, io.read_mmu_provabgs(mmu_provabgs))
    if sps == "provabgs" and provabgs is not None:
        theta = io.read_provabgs_rows(provabgs, "PROVABGS_THETA_BF", matched_rows(joined, catalogue))
        joined = derived.attach(joined, derived.from_best_fits(joined, theta))
    io.write_table(joined, properties)
    io.write_table(lost, losses)


if __name__ == "__main__":
    stage(crossmatch)
