"""What is made: by plain `snakemake`, for the report, and by `snakemake everything`."""

# Lists that the other files of this folder add to: names (without suffix) of the figures that the report of an
# evaluated survey shows, and files (without `results/{run}/`) that only `snakemake everything` makes.
REPORTED = []
ON_DEMAND = []


def targets():
    """What plain `snakemake` makes."""
    goals = (
        ["metrics/predictions.csv", "report.html"]
        if predicts()
        else ["report.html", "embeddings/val.parquet"]
    )
    if makes_model():
        goals.append("model/README.md")
    if config["crossmatch"]["posteriors"]:
        goals.append("crossmatch/posteriors.h5")
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
        known = ["redshift", "stellar_mass"] if catalogue() else ["redshift"]
        pairs = ["image_image", "image_spectrum", "spectrum_image", "spectrum_spectrum"]
        shown = ["image", "spectrum"] if has_pixels() else []
        names = [
            "ledger",
            *(["example_galaxies"] if shown else []),
            *([] if imports_embeddings() else ["training_curves"]),
            *(["retrieval_recall"] if has_pairs() else []),
            *(f"retrieval_{pair}" for pair in pairs if shown),
            "zeroshot_summary",
            *(f"zeroshot_{name}" for name in known),
            *(f"umap_{name}" for name in known),
            *(f"mosaic_umap_{modality}" for modality in shown),
            *REPORTED,
        ]
    if not trains():
        names = [name for name in names if name != "training_curves"]
    return [f"results/{config['run']}/figures/{name}.png" for name in names]


def all_figures():
    """Figures that `snakemake everything` draws: those of the report first."""
    further = (
        Path(path).with_suffix(".png") for path in on_demand() if "/figures/" in path
    )
    return list(dict.fromkeys([*report_figures(), *map(str, further)]))


def on_demand():
    """What `snakemake everything` makes beyond the targets: what takes longer than a demo may."""
    return (
        [] if predicts() else [f"results/{config['run']}/{name}" for name in ON_DEMAND]
    )
