"""Cut the joint file into clean shards; the ledger tells what became of every galaxy."""

from stage import stage

import json
import logging
from pathlib import Path

from galaxypair import io
from galaxypair import ledger as accounts
from galaxypair import preprocess as core
from galaxypair.places import position_groups
from galaxypair.quality import Cuts


def preprocess(
    *, joint: Path, provabgs: Path | None, catalogue: Path | None, modules: list[Path],
    manifest: Path, ledger: Path, cuts: dict, split: dict, threads: int = 1,
) -> None:  # fmt: skip
    limits = Cuts(**cuts)
    sky = io.read_positions(provabgs)
    places = position_groups(*(sky[c].to_numpy() for c in sky), limits.match_radius_arcsec)
    with io.alone(manifest.with_name(".dataset.lock")):
        frame, contents = core.build_dataset(
            joint, manifest.parent, limits, split, places, processes=threads, code=modules
        )
        if catalogue is not None:
            frame = accounts.finish_ledger([frame, accounts.rejected_rows(io.read_table(catalogue))])
        io.write_table(frame, ledger)
        io.write_text(json.dumps(contents, indent=1) + "\n", manifest)
        core.forget_parts(manifest.parent)
    logging.getLogger(__name__).info("%s", accounts.balance(frame))


if __name__ == "__main__":
    stage(preprocess)
