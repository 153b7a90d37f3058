"""Bring the user's own cutouts and spectra into the layout of the published files.

Reads the catalogue of `ingest.catalogue`; writes the joint image-spectrum file, a PROVABGS file with
the catalogue's properties, and the catalogue itself with one verdict per row.
"""

from stage import stage

from pathlib import Path


from galaxypair import io
from galaxypair.ingest.catalogue import provabgs_columns, read_catalogue
from galaxypair.ingest.survey import write_survey


def ingest(joint: Path, provabgs: Path, catalogue: Path, settings: dict) -> None:
    source = Path(settings["catalogue"])
    galaxies = read_catalogue(source)
    with io.new_hdf5(joint) as file:
        verdicts = write_survey(
            galaxies,
            source.parent,
            file,
            pixel_scale_arcsec=settings["pixel_scale_arcsec"],
            spectrum_medium=settings["spectrum_medium"],
        )
    io.write_provabgs(provabgs, provabgs_columns(verdicts[verdicts["kept"]]))
    io.write_table(verdicts.drop(columns="in_desi"), catalogue)


if __name__ == "__main__":
    stage(ingest)
