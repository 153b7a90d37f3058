"""Search for one galaxy on both sides of a split, by TARGETID, place and pixels.

Writes how many pairs of each kind there are and what was done about them, and the pairs themselves.
Nothing is dropped here: what is left is marked in the report.
"""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair import leaks as core


def leaks(
    manifest: Path, ledger: Path, provabgs: Path | None, table: Path, pairs: Path,
    settings: dict, match_radius_arcsec: float, threads: int = 1,
) -> None:  # fmt: skip
    search = core.Search(**settings)
    sky = io.read_positions(provabgs)
    found, galaxies = core.find_pairs(
        io.read_manifest(manifest), sky, search, match_radius_arcsec, threads=threads, folder=table.parent
    )
    summary = core.summarise(found, io.read_table(ledger, columns=["reason"]))
    core.report(summary)
    io.write_table(core.list_pairs(found, galaxies), pairs)
    io.write_table(summary, table)


if __name__ == "__main__":
    stage(leaks)
