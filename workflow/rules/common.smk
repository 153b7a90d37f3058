"""Paths and the check of the configuration; no science, no rules."""

import sys
from pathlib import Path

_ROOT = Path(str(workflow.current_basedir)).parents[1]
sys.path.insert(0, str(_ROOT / "src"))

from galaxypair import config as config_check
from galaxypair.errors import ConfigError
from snakemake.exceptions import WorkflowError

_SCHEMA = config_check.load_schema(
    _ROOT / "workflow" / "schemas" / "config.schema.yaml"
)

config.update(config_check.typed(config, _SCHEMA))
try:
    config_check.check(config, _SCHEMA)
except ConfigError as err:
    raise WorkflowError(str(err)) from None


def code(*modules):
    """Modules that define a rule's result: an edit of them reruns it (compared by checksum).

    A name with a suffix is another file of the package.

    Named from the working directory where they lie in it, so that a folder that is moved as a
    whole does not look changed.
    """
    names = [name if Path(name).suffix else f"{name}.py" for name in modules]
    files = [_ROOT / "src" / "galaxypair" / name for name in names]
    here = Path.cwd()
    return [str(f.relative_to(here) if f.is_relative_to(here) else f) for f in files]


def existing(*paths):
    """Those of the paths that are there: files of the user's or of another run.

    They are tracked when present; when absent the job itself says what to do, so that a dry run
    works without any data.
    """
    return [path for path in paths if path and Path(path).exists()]


def trained_run():
    """The run whose model is used: this one, or the one that it borrows from."""
    return config["model"]["from_run"] or config["run"]


def model_file(name):
    """A file of the model; another run's is tracked if it is there, see `existing`."""
    path = f"results/{trained_run()}/model/{name}"
    return path if config["model"]["from_run"] is None else existing(path)


def predicts():
    """Whether the run predicts the user's own galaxies from another run's, or evaluates its own survey."""
    return config["model"]["from_run"] is not None and config["source"] == "ingest"


def targets():
    """What plain `snakemake` makes."""
    goals = (
        ["metrics/predictions.csv", "report.html"]
        if predicts()
        else ["report.html", "embeddings/val.parquet", "dataset/leaks.csv"]
    )
    return [f"results/{config['run']}/{goal}" for goal in goals]


def captions():
    """Captions of the figures, for the report."""
    folder = Path(str(workflow.current_basedir)).parent / "report"
    return sorted(str(path) for path in folder.glob("*.rst"))


def report_figures():
    """Figures that the report shows: those of an evaluated survey, or of predictions alone.

    Any further property has its own on demand: figures/zeroshot_{column}.pdf, umap_{column}.pdf.
    """
    if predicts():
        names = ["ledger", "predictions"]
    else:
        names = [
            "ledger",
            "example_galaxies",
            "training_curves",
            "retrieval_recall",
            "retrieval_image_image",
            "retrieval_image_spectrum",
            "retrieval_spectrum_image",
            "retrieval_spectrum_spectrum",
            "zeroshot_summary",
            "zeroshot_redshift",
            "zeroshot_stellar_mass",
            "umap_redshift",
            "umap_stellar_mass",
            "mosaic_image",
            "mosaic_spectrum",
            "kmeans_scan",
            "clusters_kmeans",
            "clusters_dbscan",
            "cluster_gallery_image",
            "cluster_gallery_spectrum",
            "cluster_properties_image",
            "cluster_properties_spectrum",
            "cluster_properties_both",
        ]
    if config["model"]["from_run"] is not None:
        names = [name for name in names if name != "training_curves"]
    return [f"results/{config['run']}/figures/{name}.png" for name in names]
