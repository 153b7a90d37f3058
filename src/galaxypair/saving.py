"""When a training is saved: often enough to lose little, seldom enough to cost little."""

import math
import time
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import Checkpoint

from galaxypair import training

SAVE_EVERY_S = 30  # epochs of heads on stored features take less than to write them down


class BestAndLast(Checkpoint):
    """Keep the epoch with the lowest validation loss, `best.ckpt`, and the one to go on from, `last.ckpt`.

    Both are written after the first epoch, after the last, and in between at most every `SAVE_EVERY_S`
    seconds; until then the best weights wait in memory. A resumed training repeats the epochs since,
    with the same result.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lowest = math.inf
        self._best: dict | None = None  # what is not in best.ckpt yet
        self._saved = -math.inf

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        """Look at the epoch's loss; save if it is time."""
        ended = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        # the clocks of several processes differ, and all have to take part in saving
        due = trainer.strategy.broadcast(ended or time.monotonic() - self._saved >= SAVE_EVERY_S)
        loss = float(trainer.callback_metrics["val_loss"])
        if loss < self._lowest:
            self._lowest = loss
            self._best = {"state_dict": task.state_dict()}
            task.on_save_checkpoint(self._best)
            if not due:
                state = self._best["state_dict"]
                self._best["state_dict"] = {name: value.to("cpu", copy=True) for name, value in state.items()}
        if due:
            trainer.save_checkpoint(self._folder / training.LAST, weights_only=False)
            self._saved = time.monotonic()

    def on_save_checkpoint(self, trainer: lightning.Trainer, *_: object) -> None:
        """Write the best epoch first, whoever saves: the file to go on from counts on it."""
        if self._best is not None and trainer.is_global_zero:
            trainer.strategy.checkpoint_io.save_checkpoint(self._best, self._folder / training.BEST)
        self._best = None

    def state_dict(self) -> dict:
        """Save the lowest loss with the checkpoint."""
        return {"lowest": self._lowest}

    def load_state_dict(self, state_dict: dict) -> None:
        """Take it back."""
        self._lowest = state_dict["lowest"]
