"""How fast a training goes, what it waits for and what it takes, epoch by epoch."""

import logging
import resource
import sys
import time
from pathlib import Path

import lightning
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from galaxypair import tables, training

logger = logging.getLogger(__name__)


class Throughput(Callback):
    """One row per epoch, kept in the checkpoint; also in the log and for whatever logger there is."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self._pairs, self._start, self._end, self._waited = 0, 0.0, 0.0, 0.0

    def on_train_start(self, trainer: lightning.Trainer, *_: object) -> None:
        """Start the clock: an epoch that is resumed does not start once more."""
        self.on_train_epoch_start(trainer)

    def on_train_epoch_start(self, trainer: lightning.Trainer, *_: object) -> None:
        """Start the clock."""
        self._pairs, self._start = 0, time.perf_counter()
        self._waited = trainer.train_dataloader.waited_s
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: object,
        batch: dict[str, Tensor],
        *_: object,
    ) -> None:
        """Count the galaxies of all devices; validation is not timed."""
        self._pairs += len(batch["row"]) * trainer.world_size
        if trainer.is_last_batch and pl_module.device.type == "cuda":
            torch.cuda.synchronize()  # what was asked of it is not done yet
        self._end = time.perf_counter()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Note the epoch."""
        seconds = max(self._end - self._start, 1e-9)
        on_gpu = pl_module.device.type == "cuda"
        row = {
            "epoch": trainer.current_epoch + 1,
            "pairs_per_s": self._pairs / seconds,
            "waiting_share": (trainer.train_dataloader.waited_s - self._waited) / seconds,
            "peak_memory_gb": _peak_memory_gb(),
            "peak_gpu_memory_gb": torch.cuda.max_memory_allocated() / 1e9 if on_gpu else float("nan"),
        }
        self.rows.append(row)
        hidden = {"epoch"} if on_gpu else {"epoch", "peak_gpu_memory_gb"}
        measured = {f"throughput/{name}": value for name, value in row.items() if name not in hidden}
        for target in trainer.loggers:
            target.log_metrics(measured, step=trainer.global_step)
        gpu = f", {row['peak_gpu_memory_gb']:.1f} GB on the GPU" if on_gpu else ""
        logger.info(
            "epoch %d: %.0f pairs/s, %.0f %% of the time waiting for data; at most %.1f GB of memory%s",
            row["epoch"],
            row["pairs_per_s"],
            100 * row["waiting_share"],
            row["peak_memory_gb"],
            gpu,
        )

    def state_dict(self) -> dict:
        """Save the rows with the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict) -> None:
        """Take the rows back."""
        self.rows = list(state_dict["rows"])


def read(folder: Path) -> pd.DataFrame:
    """Read what the last checkpoint of a training knows of its speed, earlier tries included.

    Parameters
    ----------
    folder : Path
        Of the training, as for `train.fit`.

    Returns
    -------
    pandas.DataFrame
        `tables.THROUGHPUT_COLUMNS`.
    """
    saved = torch.load(folder / training.LAST, map_location="cpu", weights_only=True, mmap=True)
    return pd.DataFrame(saved["callbacks"]["Throughput"]["rows"], columns=list(tables.THROUGHPUT_COLUMNS))


def _peak_memory_gb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e9 / 1024)
