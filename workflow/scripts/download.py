"""Check the published joint file that the user has and put it in place without copying.

Nothing is fetched by itself: 60 GB are the user's decision. A missing file ends the rule with the
commands that fetch it and the keys to set.
"""

from stage import stage

import logging
from pathlib import Path

from galaxypair import io
from galaxypair.download import find_source, put_in_place


def download(joint: Path, settings: dict) -> None:
    source = find_source("joint", settings["joint"], settings["joint_url"])
    logging.getLogger(__name__).info("%s galaxies", f"{sum(io.check_joint(source).values()):,}")
    put_in_place(source, joint)


if __name__ == "__main__":
    stage(download)
