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
