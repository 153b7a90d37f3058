"""Check the published PROVABGS catalogue that the user has and put it in place without copying."""

from stage import stage

import logging
from pathlib import Path

from galaxypair.download import check_provabgs, find_source, put_in_place


def download_provabgs(provabgs: Path, settings: dict) -> None:
    source = find_source("provabgs", settings["provabgs"], settings["provabgs_url"])
    logging.getLogger(__name__).info("%s rows of PROVABGS", f"{check_provabgs(source):,}")
    put_in_place(source, provabgs)


if __name__ == "__main__":
    stage(download_provabgs)
