"""Published models of both towers, as ones of ours."""

from pathlib import Path

import torch

from galaxypair import __version__, checkpoints, model
from galaxypair.io.files import sha256


def import_model(path: Path, settings: dict) -> tuple[model.PairModel, dict]:
    """Read a published model as one of ours.

    Parameters
    ----------
    path : Path
    settings : dict
        Section `model` of the config; it names the layout and describes both towers.

    Returns
    -------
    made : PairModel
        In evaluation mode.
    exported : dict
        What `config.json` says about it.

    Raises
    ------
    DataError
        If the file cannot be read, or holds another model than the settings describe.
    """
    made = model.build_empty(settings)
    checkpoints.load_strictly(made, checkpoints.LAYOUTS[settings["checkpoint_layout"]](path), path)
    exported = {
        "model": settings,
        "checkpoint": {"file": path.name, "layout": settings["checkpoint_layout"], "sha256": sha256(path)},
        "n_parameters": model.n_parameters(made),
        "versions": {"galaxypair": __version__, "torch": torch.__version__},
    }
    return made.eval(), exported


def card(run: str, exported: dict) -> str:
    """Write the model card.

    Parameters
    ----------
    run : str
    exported : dict
        From `import_model`.

    Returns
    -------
    str
        Markdown.
    """
    image, spectrum = (exported["model"][m] for m in ("image", "spectrum"))
    checkpoint = exported["checkpoint"]
    return (
        f"# Image-spectrum model of run `{run}`\n\n"
        f"Imported, not trained here: `{checkpoint['file']}` (layout {checkpoint['layout']}, SHA-256 "
        f"{checkpoint['sha256']}), {exported['n_parameters']:,} parameters. Which galaxies it was trained on "
        "is for its authors to say; scores on those are no test.\n\n"
        f"- Images: {image['encoder']} {image[image['encoder']]}, central {image['crop_px']} pixels, head "
        f"{image['head']}\n"
        f"- Spectra: {spectrum['encoder']} {spectrum[spectrum['encoder']]}, head {spectrum['head']}\n"
        f"- Embeddings: {exported['model']['embedding_dim']} dimensions, in evaluation mode (no dropout, no "
        "augmentations)\n"
        "- Load with `galaxypair.model.load(folder)`; weights are safetensors, settings in `config.json`\n"
    )
