"""Whether the galaxies of a run are those that published values are of."""

from collections.abc import Mapping

# Legacy Surveys DR9 and DESI EDR, cross-matched as published; the embeddings of the reproduction are of these
PUBLISHED_SURVEY = ("download", "subset", "hub")


def refusal(settings: Mapping) -> str:
    """Say why the values of a run do not compare with the published ones.

    Parameters
    ----------
    settings : mapping
        The configuration.

    Returns
    -------
    str
        Empty if they do.
    """
    source = settings["source"]
    if source in PUBLISHED_SURVEY:
        return ""
    if source == "embeddings" and settings["embeddings"]["layout"] in ("rep", "official"):
        return ""
    return {
        "simulate": "mock survey: these galaxies are simulated",
        "ingest": "galaxies of your own, not those of the published survey",
        "mmu": "another cross-match of images and spectra than the published one",
        "embeddings": "a table that does not say which galaxies it holds (`embeddings.layout`)",
    }[source]
