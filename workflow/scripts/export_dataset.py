"""Export the preprocessed galaxies as a folder that the `datasets` library loads, with a data card."""

from stage import stage

from pathlib import Path

from galaxypair import export, io, tables


def export_dataset(manifest: Path, folder: Path, settings: dict) -> None:
    contents = io.read_manifest(manifest)
    splits = {s: (contents["splits"][s], export.iter_galaxies(contents, s)) for s in tables.SPLITS}
    export.export(folder, splits, export.galaxy_features(contents["crop_px"]), settings)


if __name__ == "__main__":
    stage(export_dataset)
