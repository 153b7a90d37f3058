"""What a training does beside the steps: whole checkpoints, and a history of the epochs."""

import logging
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.io import TorchCheckpointIO

from galaxypair import io, losses
from galaxypair.errors import ConfigError
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)


class AtomicCheckpoints(TorchCheckpointIO):
    """Write checkpoints beside their final name: a kill or a full disk leaves the older one whole.

    Notes
    -----
    Lightning writes to the system's temporary folder first, and from there to another disk it copies.
    """

    def save_checkpoint(self, checkpoint: dict, path: str | Path, storage_options: object = None) -> None:
        """Save a checkpoint."""
        with io.atomic_path(Path(path)) as part:
            torch.save(checkpoint, part)


class History(Callback):
    """One row per epoch, kept in the checkpoint and as CSV; lines with rate and time left.

    Parameters
    ----------
    loss : {"info_nce", "sigmoid"} or None
        None: the task logs what chance gives with its losses.
    batch_size, val_batch : int
        Galaxies contrasted with each other in training and in validation.
    section : str, default="train"
        Of the config, that the rate is set in.
    """

    def __init__(self, loss: str | None, batch_size: int, val_batch: int, section: str = "train") -> None:
        self._section = section
        self.rows: list[dict[str, float]] = []
        self._batch_size = batch_size
        self._chance = loss and {
            "chance_loss": losses.chance(loss, batch_size),
            "chance_val_loss": losses.chance(loss, val_batch),
        }
        self._progress: Progress | None = None

    def on_train_start(self, trainer: lightning.Trainer, *_: object) -> None:
        """Start the clock."""
        left = (trainer.max_epochs - trainer.current_epoch) * trainer.num_training_batches
        self._progress = Progress(left * self._batch_size)

    def on_train_batch_end(self, *_: object) -> None:
        """Count galaxies."""
        self._progress.update(self._batch_size)

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """Note the epoch; stop if there is nothing left to train."""
        metrics = trainer.callback_metrics
        row = {
            "epoch": trainer.current_epoch + 1,
            "train_loss": float(metrics["train_loss"]),
            "val_loss": float(metrics["val_loss"]),
            "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
            **(self._chance or {name: float(metrics[name]) for name in ("chance_loss", "chance_val_loss")}),
        }
        self.rows.append(row)
        if not np.isfinite([row["train_loss"], row["val_loss"]]).all():
            raise ConfigError(
                f"The loss is no longer a number after epoch {row['epoch']} ({row['train_loss']} train, "
                f"{row['val_loss']} validation): the training diverged. Lower "
                f"`{self._section}.learning_rate`."
            )
        logger.info(
            "epoch %d of %d: loss %.3f train (chance %.3f), %.3f val (chance %.3f)",
            row["epoch"],
            trainer.max_epochs,
            row["train_loss"],
            row["chance_loss"],
            row["val_loss"],
            row["chance_val_loss"],
        )

    def state_dict(self) -> dict:
        """Save the rows with the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict) -> None:
        """Take the rows back."""
        self.rows = list(state_dict["rows"])
