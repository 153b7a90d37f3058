"""Captions of figures: filled from the run's settings and from the sample that the figure shows.

A caption's template is reStructuredText with Jinja expressions over `snakemake.config` and
`snakemake.wildcards`, as Snakemake's own report takes it. What the drawing code alone knows, the sample
and its size, stands in the PNG (`figures.style.save`).
"""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import jinja2
from docutils.core import publish_doctree, publish_parts
from markupsafe import Markup
from PIL import Image
from pylatexenc.latexencode import UnicodeToLatexEncoder

from galaxypair.fetch.address import public_settings

_LATEX = {"use_latex_citations": True, "legacy_column_widths": False}  # as docutils 1.0 will
_SAFE = {"raw_enabled": False, "file_insertion_enabled": False, "report_level": 5}  # docutils


def origin(settings: Mapping) -> str:
    """Say where the galaxies of a published survey come from.

    Parameters
    ----------
    settings : mapping
        The configuration.

    Returns
    -------
    str
        Words for a sentence, without credentials; empty for the sources `simulate`, `ingest` and
        `embeddings`.
    """
    settings = public_settings(settings)
    source = settings["source"]
    if source in ("download", "subset"):
        joint = settings["download"]["files"]["joint"]
        share = f"{100 * settings['subset']['fraction']:g} % of each group of " if source == "subset" else ""
        return f"{share}the joint file {joint['path'] or joint['url']}"
    if source == "hub":
        hub = settings["hub"]
        revision = f", revision {hub['revision']}" if hub["revision"] else ""
        most = f", the first {hub['max_galaxies']:,} galaxies of each split" if hub["max_galaxies"] else ""
        return f"the data set {hub['dataset']}{revision}{most}"
    if source == "mmu":
        mmu = settings["mmu"]
        pair = f"images of {mmu['images']} and spectra of {mmu['spectra']}"
        return f"{pair} (Multimodal Universe), matched within {mmu['match_radius_arcsec']:g}″"
    return ""


def data(settings: Mapping) -> str:
    """Name the galaxies of a run, for a caption.

    Parameters
    ----------
    settings : mapping
        The configuration.

    Returns
    -------
    str
    """
    mock = settings["simulate"]
    own = public_settings(settings)
    names = {
        "simulate": f"mock survey of {mock['n_galaxies']:,} simulated galaxies (seed {mock['seed']})",
        "ingest": f"the catalogue {own['ingest']['catalogue']}",
        "embeddings": f"imported embeddings, {own['embeddings']['path']}",
    }
    return names.get(settings["source"]) or origin(settings)


def sample(png: Path) -> str:
    """Read what a figure says of its sample.

    Parameters
    ----------
    png : Path
        Written by `figures.style.save`.

    Returns
    -------
    str
        Empty if the file does not say.
    """
    with Image.open(png) as picture:
        return str(picture.info.get("Description", ""))


def fill(template: str, settings: Mapping, wildcards: Mapping[str, str], shown: str) -> str:
    """Fill a caption, and end it with data, sample and run.

    Parameters
    ----------
    template : str
    settings : mapping
        The configuration.
    wildcards : mapping of str to str
        Of the figure's name.
    shown : str
        From `sample`.

    Returns
    -------
    str
        reStructuredText.
    """
    # text, not HTML: docutils escapes it
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    known = SimpleNamespace(config=settings, wildcards=wildcards)
    text = environment.from_string(template).render(snakemake=known).strip()
    facts = [f"Shown: {shown}."] if shown else []
    facts += [f"Data: {data(settings)}.", f"Run: {settings['run']}."]
    return text + "\n\n" + " ".join(map(_escaped, facts)) + "\n"


def as_html(text: str) -> Markup:
    """Turn a filled caption into HTML that can bring in neither files nor scripts.

    Parameters
    ----------
    text : str

    Returns
    -------
    markupsafe.Markup
    """
    return Markup(publish_parts(text, writer="html5", settings_overrides=_SAFE)["body"])


def as_text(text: str) -> str:
    """Turn a filled caption into plain text, one paragraph per line.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    paragraphs = publish_doctree(text, settings_overrides=_SAFE).astext().split("\n\n")
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def as_latex(text: str) -> str:
    r"""Turn a filled caption into LaTeX that needs no package and no font beyond the usual.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        One line, for `\caption`.
    """
    body = publish_parts(text, writer="latex", settings_overrides=_SAFE | _LATEX)["body"]
    encoder = UnicodeToLatexEncoder(
        non_ascii_only=True, unknown_char_policy="keep", unknown_char_warning=False
    )
    text = encoder.unicode_to_latex(body).replace(r"\textquotedbl{}", "''")  # which is not in every font
    return " ".join(text.split())


def latex_figure(pdf: Path, text: str) -> str:
    """Write a LaTeX figure with its caption and a label of the file's name.

    Parameters
    ----------
    pdf : Path
    text : str
        From `fill`.

    Returns
    -------
    str
    """
    lines = [
        r"\begin{figure*}",
        r"\centering",
        rf"\includegraphics{{{pdf.name}}}",  # drawn for one column or both: letters have the size of print
        rf"\caption{{{as_latex(text)}}}",
        rf"\label{{fig:{pdf.stem}}}",
        r"\end{figure*}",
    ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Keep what settings say from being read as markup."""
    return "".join("\\" + c if c in "\\`*_|:<>" else c for c in text)
