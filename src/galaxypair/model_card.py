"""The README of a model: what it is, how it was trained, what it was measured to do, and its limits."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from galaxypair import tables
from galaxypair.data_card import CITATIONS

LOSSES = {"info_nce": "symmetric InfoNCE", "sigmoid": "the sigmoid loss"}
MOCK = (
    "> **Trained on a mock survey.** Its scores on mock galaxies say that the method works, and are no "
    "results on the sky.\n\n"
)
INPUT = (
    '- Input: images g, r, z in nanomaggies per 0.262" pixel; spectra in 1e-17 erg / s / cm2 / Angstrom on '
    "7,781 bins, 3600-9824 Angstrom (vacuum, observed frame), exactly 0 where there is no data\n"
)
USE = (
    "## Use\n\n```python\nfrom galaxypair import Model\n\n"
    'model = Model.from_pretrained("{folder}")\n'
    "vectors = model.embed_arrays(image=images, spectrum=spectra)  # (n, h, w, 3), (n, 7781)\n"
    "```\n\nWeights are safetensors, settings in `config.json`; nothing is pickled.\n"
)
SCORES = {"r2": "R²", "nmad": "NMAD", "outlier_fraction": "outliers"}
RECALL = 10


def card(
    config: Mapping,
    history: pd.DataFrame | None,
    zeroshot: pd.DataFrame,
    retrieval: pd.DataFrame,
    folder: Path,
) -> str:
    """Write the card of a model: data, recipe, scores, limits, citations.

    Parameters
    ----------
    config : mapping
        As exported beside the weights, see `train.describe` and `checkpoints.import_model`.
    history : pandas.DataFrame or None
        `tables.HISTORY_COLUMNS`; None of a model that was not trained here.
    zeroshot : pandas.DataFrame
        `metrics/zeroshot.csv`.
    retrieval : pandas.DataFrame
        `metrics/retrieval.csv`.
    folder : Path
        Where the model is, for the lines that load it.

    Returns
    -------
    str
        Markdown behind a YAML header, as the Hugging Face hub reads it.
    """
    mock = config.get("source") == "simulate"
    header = (
        f"---\nlicense: {'mit' if mock else 'other'}\nlibrary_name: galaxypair\n"
        "pipeline_tag: feature-extraction\n"
        f"tags:\n- astronomy\n- galaxies\n- spectra\n{'- mock' + chr(10) if mock else ''}---\n"
    )
    made = training(config, history) if history is not None else _import(config)
    limits = "".join(f"- {limit}\n" for limit in _limits(config))
    licence = (
        "MIT.\n" if mock else "The licences of data and weights that it comes from hold: say here which.\n"
    )
    return (
        f"{header}# Image-spectrum model of run `{config['run']}`\n\n{MOCK if mock else ''}{made}\n"
        f"{USE.format(folder=folder)}\n## Scores\n\n{_scores(zeroshot, retrieval)}\n"
        f"## Limits\n\n{limits}\n## Licence and citation\n\n{licence}\n{CITATIONS}"
    )


def training(config: Mapping, history: pd.DataFrame) -> str:
    """Tell what a model was trained on, and how.

    Parameters
    ----------
    config, history
        As for `card`.

    Returns
    -------
    str
        Markdown.
    """
    model, settings = config["model"], config["train"]
    kept = "".join(
        f"- {'Frozen' if m in config['frozen'] else 'Fine-tuned'}: the encoder of {m} "
        f"({model[m]['encoder']}), {_pretraining(config, m)}\n"
        for m in tables.MODALITIES
        if m in config["frozen"] or m in config["pretrained"]
    )
    sizes = ", ".join(f"{n:,} {split}" for split, n in config["dataset"]["splits"].items())
    best = history.loc[history["val_loss"].idxmin()]
    scale = "learned from" if settings["learnable_scale"] else "fixed at"
    return (
        f"Two towers ({config['n_parameters']:,} parameters) embed DESI Legacy Surveys g, r, z cutouts and "
        f"DESI spectra in {model['embedding_dim']} dimensions, trained by {LOSSES[settings['loss']]}.\n\n"
        f"- Survey: `{config['source']}`; galaxies: {sizes}\n{kept}{_towers(model)}"
        f"- Recipe: {settings['optimizer']}, learning rate {settings['learning_rate']:g} "
        f"({settings['schedule']}), weight decay {settings['weight_decay']:g}, batches of "
        f"{settings['batch_size']}, logit scale {scale} {model['logit_scale']:g}; all in `config.json`\n"
        f"- Best epoch {int(best['epoch'])} of {len(history)}: validation loss {best['val_loss']:.3f} "
        f"(chance {best['chance_val_loss']:.3f}), seed {settings['seed']}\n{INPUT}"
    )


def _pretraining(config: Mapping, modality: str) -> str:
    origin = config["pretrained"].get(modality)
    if origin is None:
        return "with published weights"
    if origin["dataset"].get("stream"):
        where = "streamed: simulated meanwhile, and in no split"
    elif origin["dataset"]["fingerprint"] == config["dataset"]["fingerprint"]:
        where = "the train split of this run too"
    else:
        where = "another dataset, which may hold this test split"
    return (
        f"pretrained by run `{origin['run']}` ({origin['objective']}, {origin['epochs']} epochs) on "
        f"{origin['dataset']['splits']['train']:,} galaxies of the survey `{origin['source']}`, {where}"
    )


def _import(config: Mapping) -> str:
    checkpoint = config["checkpoint"]
    return (
        f"Imported, not trained here: `{checkpoint['file']}` (layout {checkpoint['layout']}, SHA-256 "
        f"{checkpoint['sha256']}), {config['n_parameters']:,} parameters. Which galaxies it was trained on "
        f"is for its authors to say; scores on those are no test.\n\n{_towers(config['model'])}"
        f"- Embeddings: {config['model']['embedding_dim']} dimensions, in evaluation mode (no dropout, no "
        f"augmentations)\n{INPUT}"
    )


def _towers(model: Mapping) -> str:
    lines = []
    for modality, name in zip(tables.MODALITIES, ("Images", "Spectra"), strict=True):
        part = model[modality]
        options = ", ".join(f"{key} {value}" for key, value in part.get(part["encoder"], {}).items())
        crop = f", central {part['crop_px']} pixels" if "crop_px" in part else ""
        lines.append(f"- {name}: encoder {part['encoder']} ({options}){crop}, head {part['head']}\n")
    return "".join(lines)


def _limits(config: Mapping) -> list[str]:
    limits = [
        "Made for galaxies with both an image and a spectrum in these formats; stars, quasars and artefacts "
        "are embedded too, without a warning.",
        "Neighbours tell a property only where the reference galaxies are like the query: look at redshift "
        "range and magnitudes of the survey that it was trained on.",
    ]
    if config.get("source") == "simulate":
        limits.append(
            "Trained on simulated galaxies: what real instruments do beyond the simulation, it has not seen."
        )
    if "frozen" in config and not config["frozen"] and not config["pretrained"]:
        limits.append("Both encoders were trained from scratch: they are as good as the survey is large.")
    return limits


def _scores(zeroshot: pd.DataFrame, retrieval: pd.DataFrame) -> str:
    found = zeroshot[zeroshot["metric"].isin(SCORES)]
    rows = []
    for key, group in found.groupby(["target", "reference", "query"], sort=False):
        cells = {m: f"{v:.3f} ({lo:.3f} to {hi:.3f})" for m, v, lo, hi in _values(group)}
        name, reference, query = key
        scores = " | ".join(cells.get(m, "") for m in SCORES)
        rows.append(f"| {name} | {reference} | {query} | {scores} | {int(group['n'].iloc[0]):,} |\n")
    text = (
        "Properties by the nearest neighbours among the train galaxies' embeddings, zero-shot, of test "
        f"galaxies (protocol {', '.join(zeroshot['protocol'].unique())}); in brackets 68 % intervals.\n\n"
        f"| property | references | queries | {' | '.join(SCORES.values())} | n |\n"
        f"|---|---|---|{'---|' * len(SCORES)}---|\n{''.join(rows)}"
    )
    for m in retrieval[retrieval["metric"] == f"recall@{RECALL}"].itertuples():
        text += (
            f"\n- The partner of a galaxy ({m.query} asks {m.reference}) is among the {RECALL} nearest "
            f"of {m.n:,} for {100 * m.value:.1f} % ({100 * m.low:.1f} to {100 * m.high:.1f} %)"
        )
    return text + "\n"


def _values(group: pd.DataFrame) -> list[tuple]:
    return list(group[["metric", "value", "low", "high"]].itertuples(index=False, name=None))
