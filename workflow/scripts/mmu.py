"""Pair Multimodal Universe images with spectra, in the layout of the published files.

Matches the positions of legacysurvey and desi over the whole sky; writes one verdict per pair and per
object that has no partner. Properties come from desi_provabgs.
"""

from stage import stage

from pathlib import Path


from galaxypair import io
from galaxypair.published.mmu import read_provabgs, write_survey


def mmu(joint: Path, provabgs: Path, catalogue: Path, settings: dict) -> None:
    properties = read_provabgs(settings["provabgs"])  # small, and before the long work
    with io.new_hdf5(joint) as file:
        verdicts = write_survey(
            settings["images"],
            settings["spectra"],
            file,
            match_radius_arcsec=settings["match_radius_arcsec"],
        )
    io.write_provabgs(provabgs, properties)
    io.write_table(verdicts, catalogue)


if __name__ == "__main__":
    stage(mmu)
