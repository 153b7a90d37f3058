"""Cut the joint file into clean shards; the ledger tells what became of every galaxy."""

from stage import stage

import json
import logging
from pathlib import Path

from galaxypair import io, splits
from galaxypair import preprocess as core

logger = logging.getLogger(__name__)


def preprocess(
    joint: Path, provabgs: Path, catalogue: Path | None, manifest: Path, ledger: Path, cuts: dict, split: dict
) -> None:
    limits = core.Cuts(**cuts)
    sky = io.read_provabgs(provabgs, needed=("TARGETID", "RA", "DEC"))
    places = splits.position_groups(
        sky["targetid"].to_numpy(), sky["ra"].to_numpy(), sky["dec"].to_numpy(), limits.match_radius_arcsec
    )
    frame, contents = core.build_dataset(joint, manifest.parent, limits, split, places)
    if catalogue is not None:
        frame = core.finish_ledger([frame, core.rejected_rows(io.read_table(catalogue))])
    io.write_table(frame, ledger)
    io.write_text(json.dumps(contents, indent=1) + "\n", manifest)
    logger.info("%s", core.balance(frame))


if __name__ == "__main__":
    stage(preprocess)
