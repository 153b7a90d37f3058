"""What a training does beside the steps: whole checkpoints, also within an epoch, and a history."""

import logging
import signal
import time
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping
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
        # PyTorch's own files do not say that the disk is full
        with io.atomic_path(Path(path)) as part, part.open("wb") as file:
            torch.save(checkpoint, file)


class MidEpochCheckpoints(Callback):
    """Save within an epoch every so many minutes, and before the process ends if it is asked to.

    Parameters
    ----------
    path : Path
        The checkpoint that a training resumes from.
    minutes : float or None
        None saves only when the process is asked to end, by SIGTERM or SIGUSR1.

    Notes
    -----
    Several processes agree after each batch whether one of them saves or ends. Lightning's own handler
    of SIGTERM calls the other processes in the midst of whatever they do together, and so it is replaced.
    """

    SAVE, END = 1, 2

    def __init__(self, path: Path, minutes: float | None) -> None:
        self._path = path
        self._interval = float("inf") if minutes is None else 60 * minutes
        self._last, self._asked = 0.0, False

    def on_train_start(self, *_: object) -> None:
        """Start the clock and listen; Lightning puts the former handlers back."""
        self._last = time.monotonic()
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self._asked = True

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, *_: object
    ) -> None:
        """Save, and end, if a process wants to; after the last batch comes the epoch's own checkpoint."""
        if trainer.is_last_batch:
            return
        wish = self.END if self._asked else self.SAVE if time.monotonic() - self._last > self._interval else 0
        agreed = int(trainer.strategy.reduce(torch.tensor(wish, device=task.device), reduce_op="max"))
        if agreed:
            trainer.save_checkpoint(self._path, weights_only=False)
            self._last = time.monotonic()
        if agreed == self.END:
            logger.info("saved in mid-epoch, as the process was asked to end")
            raise KeyboardInterrupt


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
        left = trainer.max_epochs * trainer.num_training_batches - trainer.global_step
        self._progress = Progress(left * self._batch_size)

    def on_train_batch_end(self, *_: object) -> None:
        """Count galaxies."""
        self._progress.update(self._batch_size)

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        """Note the epoch; stop if there is nothing left to train."""
        row = {
            "epoch": trainer.current_epoch + 1,
            "train_loss": task.epoch_loss,
            "val_loss": float(trainer.callback_metrics["val_loss"]),
            "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
            **(
                self._chance
                or {n: float(trainer.callback_metrics[n]) for n in ("chance_loss", "chance_val_loss")}
            ),
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


class Patience(EarlyStopping):
    """Stop when the validation loss has not fallen for some epochs; stay stopped when that is resumed.

    Parameters
    ----------
    epochs : int
    """

    def __init__(self, epochs: int) -> None:
        super().__init__("val_loss", patience=epochs)

    def on_train_start(self, trainer: lightning.Trainer, *_: object) -> None:
        """Look at what the checkpoint says: it may be that of the last epoch."""
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience

    def on_train_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """Say why the training is shorter than asked for."""
        if self.wait_count >= self.patience:
            logger.info("stopped: no lower validation loss for %d epochs", self.wait_count)
