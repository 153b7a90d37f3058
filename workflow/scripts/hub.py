"""Bring a data set of the Hugging Face hub into the layout of the published files.

Streams it, so that nothing but the result is stored; writes one verdict per galaxy.
"""

from stage import stage

from pathlib import Path


from galaxypair import io
from galaxypair.io.hub import open_dataset
from galaxypair.published.hub import write_survey


def hub(joint: Path, catalogue: Path, settings: dict) -> None:
    splits = open_dataset(settings["dataset"], settings["revision"])
    with io.new_hdf5(joint) as file:
        verdicts = write_survey(settings["dataset"], splits, file, max_galaxies=settings["max_galaxies"])
    io.write_table(verdicts, catalogue)


if __name__ == "__main__":
    stage(hub)
