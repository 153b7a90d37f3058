"""Check the PROVABGS file that the user has and put it in place without copying it."""

from stage import stage

import logging
from pathlib import Path

from galaxypair.download import check_provabgs, find_source, put_in_place


def find_provabgs(provabgs: Path, settings: dict) -> None:
    source = find_source("provabgs", settings["provabgs"], settings["provabgs_url"])
    logging.getLogger(__name__).info("%s rows of PROVABGS", f"{check_provabgs(source):,}")
    put_in_place(source, provabgs)


if __name__ == "__main__":
    stage(find_provabgs)
