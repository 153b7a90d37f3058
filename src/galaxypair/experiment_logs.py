"""Where a training's curves go beside its own tables: TensorBoard, and Weights & Biases if asked for."""

import importlib
import logging
from pathlib import Path

from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from galaxypair.errors import ConfigError

logger = logging.getLogger(__name__)


def make(folder: Path, project: str | None) -> list[Logger]:
    """Make the loggers of a training.

    Parameters
    ----------
    folder : Path
        Of the training; a resumed one goes on in the same curves.
    project : str, optional
        Of Weights & Biases.

    Returns
    -------
    list of Logger

    Raises
    ------
    ConfigError
        If a project is named and the package is not installed.
    """
    loggers: list[Logger] = [TensorBoardLogger(folder, name="tensorboard", version="")]
    return loggers if project is None else [*loggers, _wandb(folder, project)]


def _wandb(folder: Path, project: str) -> WandbLogger:
    try:
        wandb = importlib.import_module("wandb")
    except ImportError as err:
        raise ConfigError(
            f"`train.wandb_project` is {project}, but the package wandb cannot be imported ({err}). Install "
            "it (`pip install wandb`), or set the key to null: TensorBoard shows the same curves."
        ) from err

    def start(*, offline: bool) -> WandbLogger:
        made = WandbLogger(project=project, version=folder.name, save_dir=folder, offline=offline)
        made.experiment  # noqa: B018  connects
        return made

    # wandb's own settings tell whether a key is there and whether it works offline; none of it is ours
    if wandb.api.api_key is None:
        logger.warning("Weights & Biases has no key (`wandb login`): its curves stay in `%s`", folder)
        return start(offline=True)
    try:
        return start(offline=False)
    except wandb.errors.Error as err:
        logger.warning("Weights & Biases cannot be reached (%s): its curves stay in `%s`", err, folder)
        return start(offline=True)
