"""Check the published files that the user has and put them in place without copying.

Nothing is fetched by itself: 60 GB are the user's decision. A missing file ends the rule with the
commands that fetch it and the keys to set.
"""

from stage import stage

import logging
from pathlib import Path

from galaxypair import io
from galaxypair.download import check_provabgs, find_source, put_in_place


def download(joint: Path, provabgs: Path, settings: dict) -> None:
    source_joint = find_source("joint", settings["joint"], settings["joint_url"])
    source_provabgs = find_source("provabgs", settings["provabgs"], settings["provabgs_url"])
    galaxies, rows = sum(io.check_joint(source_joint).values()), check_provabgs(source_provabgs)
    put_in_place(source_joint, joint)
    put_in_place(source_provabgs, provabgs)
    logging.getLogger(__name__).info("%s galaxies, %s rows of PROVABGS", f"{galaxies:,}", f"{rows:,}")


if __name__ == "__main__":
    stage(download)
