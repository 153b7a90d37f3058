"""Fetch a share of the published joint file, a few rows of each group, and nothing else of its 60 GB.

The rows are read over the network by range requests; an interrupted job goes on where it stopped.
`joint.source.json` says where they come from and which they are.
"""

from stage import stage

import json
import logging
from pathlib import Path

from galaxypair import io
from galaxypair.fetch.subset import fetch_subset
from galaxypair.fetch.transfer import Wanted


def subset(
    joint: Path, record: Path, url: str, instead: str | None, settings: dict, train_fraction: float
) -> None:
    wanted = Wanted(url, "download.files.joint", instead=instead)
    source = fetch_subset(wanted, joint, **settings, train_fraction=train_fraction)
    io.write_text(json.dumps(source, indent=1) + "\n", record)
    logging.getLogger(__name__).info(
        "%.0f MB fetched of %.0f MB (%.2f %%)",
        source["bytes_fetched"] / 1e6,
        source["size"] / 1e6,
        100 * source["bytes_fetched"] / source["size"],
    )


if __name__ == "__main__":
    stage(subset)
