"""Bring a data set of the Hugging Face hub into the layout of the published files.

Streams it, so that nothing but the result is stored; writes one verdict per galaxy. Properties come
from a PROVABGS file that the user has; without one the redshift is the only property.
"""

from stage import stage

from pathlib import Path

import h5py

from galaxypair import io
from galaxypair.download import check_provabgs, put_in_place
from galaxypair.hub import provabgs_columns, write_survey
from galaxypair.io.hub import open_dataset


def hub(joint: Path, provabgs: Path, catalogue: Path, settings: dict) -> None:
    known = Path(settings["provabgs"]) if settings["provabgs"] else None
    if known:
        check_provabgs(known)  # before the long work
    splits = open_dataset(settings["dataset"], settings["revision"])
    with io.atomic_path(joint) as part, h5py.File(part, "w") as file:
        verdicts = write_survey(settings["dataset"], splits, file, max_galaxies=settings["max_galaxies"])
    if known:
        put_in_place(known, provabgs)
    else:
        io.write_provabgs(provabgs, provabgs_columns(verdicts[verdicts["kept"]]))
    io.write_table(verdicts, catalogue)


if __name__ == "__main__":
    stage(hub)
