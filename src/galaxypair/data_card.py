"""The README of an exported data set: what it holds, how it was made, whom to cite."""

import json
from collections.abc import Mapping

from galaxypair.fetch.address import public_settings

SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
LARGEST = "1M<n<10M"
MEANINGS = {
    "image": 'cutout in the bands g, r, z [nanomaggies per pixel of 0.262"], axes x, y, band; 0 throughout '
    "where `has_image` is false",
    "spectrum": "flux [1e-17 erg / s / cm2 / Angstrom] on 7,781 bins from 3600 to 9824 Angstrom (vacuum, "
    "observed frame); exactly 0: no data",
    "redshift": "redshift; NaN: unknown",
    "z": "redshift; NaN: unknown",
    "targetid": "DESI TARGETID, unique in the set",
    "has_image": "whether the galaxy has an image",
    "has_spectrum": "whether the galaxy has a spectrum",
    "image_embedding": "embedding of the image, not normalised; NaN throughout: no image",
    "spectrum_embedding": "embedding of the spectrum, not normalised; NaN throughout: no spectrum",
}
MOCK = (
    "> **Mock galaxies.** This set was simulated: results on it say how a method does on simulated galaxies, "
    "and are no results on the sky. Its TARGETIDs are no DESI targets.\n\n"
)
SOURCES = {
    "simulate": "simulated by the AstroCLIP workflow in the layout of the real survey files",
    "ingest": "read from files of the user's own",
    "embeddings": "imported as embeddings that were made elsewhere",
}
PUBLISHED = "DESI early data release spectra and DESI Legacy Imaging Surveys cutouts"
CITATIONS = """\
- AstroCLIP: Parker et al. 2024, MNRAS 531, 4990, doi:10.1093/mnras/stae1450
- DESI early data release: DESI Collaboration 2024, AJ 168, 58, doi:10.3847/1538-3881/ad3217
- DESI Legacy Imaging Surveys: Dey et al. 2019, AJ 157, 168, doi:10.3847/1538-3881/ab089d
"""


def size_category(n: int) -> str:
    """Give the size of a data set in the hub's words.

    Parameters
    ----------
    n : int
        Rows.

    Returns
    -------
    str
    """
    return next((name for limit, name in SIZES if n < limit), LARGEST)


def data_card(
    what: str, settings: Mapping, rows: Mapping[str, int], columns: Mapping[str, str], folder: str
) -> str:
    """Write the card of an exported set, with its YAML header.

    Parameters
    ----------
    what : {"galaxies", "embeddings"}
    settings : mapping
        Sections of the configuration that shaped the set, `run` and `source` among them.
    rows : mapping of str to int
        Of each split that is there.
    columns : mapping of str to str
        Name to type.
    folder : str
        Name of the folder, for the commands that load it.

    Returns
    -------
    str
        Markdown.
    """
    mock = settings["source"] == "simulate"
    splits = ", ".join(f"{n:,} {split}" for split, n in rows.items())
    table = "".join(f"| `{name}` | {kind} | {MEANINGS[name]} |\n" for name, kind in columns.items())
    files = "".join(f"  - split: {split}\n    path: data/{split}-*.parquet\n" for split in rows)
    return (
        f"---\nlicense: {'mit' if mock else 'other'}\n"
        f"pretty_name: {what} of run {settings['run']}{' (mock)' if mock else ''}\n"
        "task_categories:\n- feature-extraction\n"
        f"tags:\n- astronomy\n- galaxies\n- spectra\n{'- mock' + chr(10) if mock else ''}"
        f"size_categories:\n- {size_category(sum(rows.values()))}\n"
        f"configs:\n- config_name: default\n  data_files:\n{files}---\n"
        f"# {what.capitalize()} of run `{settings['run']}`\n\n{MOCK if mock else ''}"
        f"{sum(rows.values()):,} galaxies ({splits}), "
        f"{SOURCES.get(settings['source'], PUBLISHED)}; cuts and splits as in the settings below.\n\n"
        f"| column | type | meaning |\n|---|---|---|\n{table}\n"
        "## Load\n\n```python\nimport datasets\n\n"
        f'datasets.load_dataset("{folder}")  # parquet\n'
        f'datasets.load_from_disk("{folder}")  # Arrow, memory-mapped: no copy is made\n```\n\n'
        f"## Settings\n\n```json\n{json.dumps(public_settings(settings), indent=1, default=str)}\n```\n\n"
        f"## Licence and citation\n\n{_licence(mock)}Please cite\n\n{CITATIONS}"
    )


def _licence(mock: bool) -> str:
    if mock:
        return "MIT, as the workflow that simulated it. The formats follow real surveys.\n\n"
    return "The licences of the sources hold; say here which, before you pass the set on.\n\n"
