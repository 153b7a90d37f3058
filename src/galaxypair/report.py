"""The report of a run: one HTML file with all figures, tables and settings inside."""

import base64
import importlib.metadata
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
import yaml
from markupsafe import Markup

from galaxypair import captions
from galaxypair.fetch.address import public_settings

# Section -> figures in it, written as the rules write their outputs. The caption of a figure is the
# file workflow/report/{name without wildcards}.rst.
SECTIONS = {
    "Data": ("ledger", "example_galaxies"),
    "Training": ("training_curves",),
    "Retrieval": (
        "retrieval_recall",
        "retrieval_agreement",
        "query_images",
        "retrieval_{query}_{reference}",
        "retrievals_together",
        "retrieval_grid",
        "spectral_retrieval_{query}_{reference}_{number}",
    ),
    "Redshift readout": ("readout",),
    "Zero-shot regression": ("zeroshot_summary", "zeroshot_{property}"),
    "Protocols": ("protocols",),
    "Zero-shot in detail": (
        "bins_{property}",
        "intervals",
        "learning_curve",
        "seed_spread",  # of Snakemake's own report alone: it takes a training per seed
    ),
    "Few-shot and posteriors": ("few_shot", "posterior_coverage", "posterior_examples"),
    "Baselines": ("baselines_{which}",),
    "Morphology": ("morphology", "morphology_confusion_{question}"),
    "Embedding space": (
        "umap_annotated_{method}_{space}",  # before what it would be a property of
        "umap_{property}",
        "pca_{property}",
        "mosaic_{projection}_{space}",
    ),
    "Clusters": (
        "kmeans_scan",
        "clusters_alone_{method}_{space}",
        "clusters_{method}",
        "cluster_gallery_{method}_{space}",
        "cluster_spectra_{method}_{space}",
        "cluster_properties_{method}_{space}",
        "cluster_information",
    ),
    "Anomalies": ("anomalies", "artefacts", "anomaly_recall"),
    "Comparison": ("compare",),
    "Diagrams": (
        "diagram_contrastive_learning",
        "diagram_{modality}_encoder",
        "diagram_dbscan",
    ),
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
    text : str
        Its caption, filled; reStructuredText.
    source : str
        The PNG as a data URI.
    command : str
        What redraws it.
    """

    name: str
    section: str
    text: str
    source: str
    command: str

    @property
    def caption(self) -> Markup:
        """The caption as HTML."""
        return captions.as_html(self.text)


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


def describe(png: Path, folder: Path, settings: Mapping) -> tuple[str, str]:
    """Find a figure's section and fill its caption.

    Parameters
    ----------
    png : Path
        `results/{run}/figures/*.png`.
    folder : Path
        That of the captions' templates.
    settings : mapping
        The configuration.

    Returns
    -------
    section : str
    text : str
        reStructuredText.
    """
    section, caption, wildcards = recognise(png.stem)
    template = (folder / f"{caption}.rst").read_text(encoding="utf-8")
    return section, captions.fill(template, settings, wildcards, captions.sample(png))


def collect_figures(
    pngs: Iterable[Path], folder: Path, settings: Mapping, settings_file: Path | None
) -> list[FigureEntry]:
    """Take up figures with their captions.

    Parameters
    ----------
    pngs : iterable of Path
        `results/{run}/figures/*.png`.
    folder : Path
        That of the captions' templates.
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
        section, text = describe(path, folder, settings)
        entries.append(
            FigureEntry(
                path.stem,
                section,
                text,
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
        origin=captions.origin(settings),
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
