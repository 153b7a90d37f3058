"""The report of a run: one HTML file with all figures, tables and settings inside."""

import base64
import importlib.metadata
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pandas as pd
import yaml
from docutils.core import publish_parts
from markupsafe import Markup

from galaxypair.fetch.address import public_settings

# Section -> figures in it, written as the rules write their outputs. The caption of a figure is the
# file workflow/report/{name without wildcards}.rst.
SECTIONS = {
    "Data": ("ledger", "example_galaxies"),
    "Training": ("training_curves",),
    "Retrieval": ("retrieval_recall", "retrieval_{query}_{reference}"),
    "Zero-shot regression": ("zeroshot_summary", "zeroshot_{property}"),
    "Protocols": ("protocols",),
    "Zero-shot in detail": (
        "bins_{property}",
        "intervals",
        "learning_curve",
        "seed_spread",  # of Snakemake's own report alone: it takes a training per seed
    ),
    "Few-shot and posteriors": (),
    "Baselines": (),
    "Morphology": (),
    "Embedding space": ("umap_{property}", "mosaic_{space}"),
    "Clusters": (
        "kmeans_scan",
        "clusters_{method}",
        "cluster_gallery_{space}",
        "cluster_properties_{space}",
    ),
    "Anomalies": (),
    "Comparison": (),
    "Own galaxies": ("predictions",),
    "Differences": ("ablation",),  # of Snakemake's own report alone: it takes a training per variant and seed
}
PACKAGES = (
    "torch", "lightning", "numpy", "pandas", "h5py", "pyarrow", "scikit-learn", "umap-learn",
    "astropy", "matplotlib", "snakemake",
)  # fmt: skip


@dataclass(frozen=True)
class FigureEntry:
    """One figure of the report.

    Attributes
    ----------
    name : str
        Of the file, without suffix.
    section : str
    caption : markupsafe.Markup
        HTML.
    source : str
        The PNG as a data URI.
    command : str
        What redraws it.
    """

    name: str
    section: str
    caption: Markup
    source: str
    command: str


def recognise(name: str) -> tuple[str, str, dict[str, str]]:
    """Tell section, caption and wildcards of a figure from its name.

    Parameters
    ----------
    name : str
        Such as "zeroshot_redshift".

    Returns
    -------
    section : str
    caption : str
        Name of the caption's file, without suffix.
    wildcards : dict of str to str

    Raises
    ------
    ValueError
        If no pattern of `SECTIONS` fits.
    """
    for section, patterns in SECTIONS.items():
        for pattern in patterns:
            found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>\\w+)", pattern), name)
            if found:
                return section, re.sub(r"_\{\w+\}", "", pattern), found.groupdict()
    raise ValueError(f"no section of the report holds a figure named `{name}`")


def render_caption(template: str, settings: Mapping, wildcards: Mapping[str, str]) -> Markup:
    """Fill a caption as Snakemake's own report does, and turn it into HTML.

    Parameters
    ----------
    template : str
        reStructuredText with Jinja expressions over `snakemake.config` and `snakemake.wildcards`.
    settings : mapping
        The configuration.
    wildcards : mapping of str to str

    Returns
    -------
    markupsafe.Markup
    """
    # text, not HTML: docutils escapes it
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    known = SimpleNamespace(config=settings, wildcards=wildcards)
    text = environment.from_string(template).render(snakemake=known)
    safe = {"raw_enabled": False, "file_insertion_enabled": False, "report_level": 5}
    return Markup(publish_parts(text, writer="html5", settings_overrides=safe)["body"])


def collect_figures(
    pngs: Iterable[Path], captions: Path, settings: Mapping, settings_file: Path | None
) -> list[FigureEntry]:
    """Take up figures with their captions.

    Parameters
    ----------
    pngs : iterable of Path
        `results/{run}/figures/*.png`.
    captions : Path
        Folder of the captions.
    settings : mapping
        The configuration.
    settings_file : Path or None
        See `redraw_command`.

    Returns
    -------
    list of FigureEntry
    """
    entries = []
    for path in pngs:
        section, caption, wildcards = recognise(path.stem)
        template = (captions / f"{caption}.rst").read_text(encoding="utf-8")
        entries.append(
            FigureEntry(
                path.stem,
                section,
                render_caption(template, settings, wildcards),
                "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode(),
                redraw_command(path.with_suffix(".pdf"), settings_file),
            )
        )
    return entries


def redraw_command(target: Path, settings_file: Path | None) -> str:
    """Write the command that makes a file of a run again.

    Parameters
    ----------
    target : Path
    settings_file : Path or None
        Holds the whole configuration of the run; None if it is the default one.

    Returns
    -------
    str
    """
    command = f"snakemake --cores 1 --force {target}"  # also if the file is there and up to date
    return command if settings_file is None else f"{command} --configfile {settings_file}"


def versions() -> dict[str, str]:
    """Find the versions of Python and the packages that shape results, as far as they are here.

    Returns
    -------
    dict of str to str
    """
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # an environment for figures need not train
            continue
    return found


def origin(settings: Mapping) -> str:
    """Say where the galaxies of a published survey come from.

    Parameters
    ----------
    settings : mapping
        The configuration, without credentials.

    Returns
    -------
    str
        Words for a sentence; empty for the sources that the page introduces in its own way.
    """
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


def render(
    settings: Mapping,
    figures: list[FigureEntry],
    report_tables: Mapping[str, pd.DataFrame],
    summary: list[str],
    command: str,
    *,
    trained_on: str | None = None,
    imported: Mapping | None = None,
) -> str:
    """Fill the template.

    Parameters
    ----------
    settings : mapping
        The configuration.
    figures : list of FigureEntry
    report_tables : mapping of str to pandas.DataFrame
        Title of the table -> table of texts; empty ones are left out.
    summary : list of str
        Sentences.
    command : str
        What makes the report again.
    trained_on : {"simulate", "ingest", "download"}, optional
        Source of the galaxies that a borrowed model was trained on, where known.
    imported : mapping, optional
        Contents of `embeddings/source.json`, if nothing was trained.

    Returns
    -------
    str
        HTML, nothing of which is fetched from elsewhere.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("galaxypair"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.j2").render(
        settings=settings,
        origin=origin(public_settings(settings)),
        figures=figures,
        sections=[s for s in SECTIONS if any(f.section == s for f in figures)],
        tables={title: t for title, t in report_tables.items() if len(t)},
        summary=summary,
        versions=versions(),
        settings_text=yaml.safe_dump(public_settings(settings), sort_keys=False, allow_unicode=True),
        command=command,
        trained_on=trained_on,
        imported=imported,
    )
