"""Contrastive training with Lightning; interrupted, it goes on where the last epoch ended."""

import fcntl
import hashlib
import json
import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor
from torch.utils.data import DataLoader

from galaxypair import images, io, loaders, losses, model, spectra, tables
from galaxypair.errors import ConfigError, DataError
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)


class ContrastiveTask(lightning.LightningModule):
    """One training: model, loss, augmentations and optimiser.

    Parameters
    ----------
    model_settings, settings : dict
        Sections `model` and `train` of the config.
    steps_per_epoch : int
    """

    def __init__(self, model_settings: dict, settings: dict, steps_per_epoch: int) -> None:
        super().__init__()
        self.settings = settings
        self.crop_px = model_settings["image"]["crop_px"]
        self.logit_scale = model_settings["logit_scale"]
        self.total_steps = settings["epochs"] * steps_per_epoch
        self.model = model.build(model_settings)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Augment each galaxy by its own draw, embed and compare."""
        # tied to the step, so that a resumed training equals an undisturbed one; the global
        # generator serves dropout
        step_seed = self.settings["seed"] * 1_000_003 + self.global_step
        torch.manual_seed(step_seed)
        generator = torch.Generator().manual_seed(step_seed)
        image, spectrum = batch["image"], batch["spectrum"]
        if self.settings["image_augmentations"]:
            image = images.augment(image, self.crop_px, generator)
        if self.settings["spectrum_augmentations"]:
            spectrum = spectra.augment(spectrum, generator)
        loss = self._loss(image, spectrum, batch["z"])
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(image))
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Measure the loss without augmentations."""
        loss = self._loss(batch["image"], batch["spectrum"], batch["z"])
        self.log("val_loss", loss, on_epoch=True, batch_size=len(batch["image"]))

    def _loss(self, image: Tensor, spectrum: Tensor, z: Tensor) -> Tensor:
        embedded = self.model.embed("image", image, z), self.model.embed("spectrum", spectrum, z)
        return losses.info_nce(*embedded, self.logit_scale)

    def configure_optimizers(self) -> dict:
        """AdamW with a one-cycle schedule over all steps."""
        optimiser = torch.optim.AdamW(
            self.model.parameters(),
            self.settings["learning_rate"],
            weight_decay=self.settings["weight_decay"],
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.settings["learning_rate"], total_steps=self.total_steps
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


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
    batch_size, val_batch : int
        Galaxies contrasted with each other in training and in validation.
    """

    def __init__(self, batch_size: int, val_batch: int) -> None:
        self.rows: list[dict[str, float]] = []
        self._batch_size, self._val_batch = batch_size, val_batch
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
            "chance_loss": float(np.log(self._batch_size)),
            "chance_val_loss": float(np.log(self._val_batch)),
        }
        self.rows.append(row)
        if not np.isfinite([row["train_loss"], row["val_loss"]]).all():
            raise ConfigError(
                f"The loss is no longer a number after epoch {row['epoch']} ({row['train_loss']} train, "
                f"{row['val_loss']} validation): the training diverged. Lower `train.learning_rate`."
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


def state_key(model_settings: dict, settings: dict, fingerprint: str, code: list[Path]) -> str:
    """Name the folder of a training by everything that shapes its result.

    Parameters
    ----------
    model_settings, settings : dict
    fingerprint : str
        Of the dataset, from its manifest.
    code : list of Path
        Modules that define model and training.

    Returns
    -------
    str
        A changed setting, dataset or module never resumes another one's checkpoint.
    """
    shaping = {k: v for k, v in settings.items() if k != "accelerator"}
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps([model_settings, shaping, fingerprint], sort_keys=True).encode())
    for path in code:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the training folder against a second process (an orphan of a killed run, say).

    Parameters
    ----------
    folder : Path

    Raises
    ------
    DataError
        If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise DataError(
                f"`{folder}`: another process is training this very model. Wait for it, or end it "
                "(it may be left over from a killed run), then run the same command again."
            ) from err
        yield


def fit(
    manifest: dict, folder: Path, model_settings: dict, settings: dict, *, threads: int
) -> tuple[model.PairModel, pd.DataFrame]:
    """Train, or go on training; give the epoch with the lowest validation loss.

    Parameters
    ----------
    manifest : dict
        From `io.read_manifest`.
    folder : Path
        Where checkpoints and TensorBoard logs live; from an earlier try, it is resumed.
    model_settings, settings : dict
        Sections `model` and `train` of the config.
    threads : int
        CPU threads.

    Returns
    -------
    best : model.PairModel
    history : pandas.DataFrame
        `tables.HISTORY_COLUMNS`.

    Raises
    ------
    ConfigError
        If the train split is smaller than a batch, there is no GPU to be had, or the loss diverges.
    DataError
        If the val split is too small, or a checkpoint cannot be read.
    """
    accelerator = choose_accelerator(settings["accelerator"])
    torch.set_num_threads(threads)
    lightning.seed_everything(settings["seed"], verbose=False)
    train_loader, val_loader = _make_loaders(
        manifest, settings, workers=min(threads, 4) if accelerator == "gpu" else 0
    )
    task = ContrastiveTask(model_settings, settings, len(train_loader))
    history = History(train_loader.batch_size, val_loader.batch_size)
    checkpoints = ModelCheckpoint(
        folder, "best", monitor="val_loss", save_last=True, enable_version_counter=False
    )
    trainer = lightning.Trainer(
        accelerator=accelerator,
        devices=1,
        precision=settings["precision"],
        max_epochs=settings["epochs"],
        callbacks=[history, checkpoints],
        plugins=[AtomicCheckpoints()],
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, train_loader, val_loader, ckpt_path=_resume_point(folder), weights_only=True)
    best = torch.load(folder / "best.ckpt", map_location="cpu", weights_only=True)
    task.load_state_dict(best["state_dict"])
    return task.model.eval(), pd.DataFrame(history.rows, columns=list(tables.HISTORY_COLUMNS))


def _make_loaders(manifest: dict, settings: dict, *, workers: int) -> tuple[DataLoader, DataLoader]:
    train, val = (loaders.ShardDataset(manifest, split) for split in ("train", "val"))
    batch_size, seed = settings["batch_size"], settings["seed"]
    _check_sizes(len(train), len(val), batch_size)
    order, val_order = loaders.EpochSampler(len(train), seed), loaders.fixed_order(len(val), seed)
    return (
        loaders.loader(train, batch_size, order=order, workers=workers),
        loaders.loader(val, min(batch_size, len(val)), order=val_order, workers=workers),
    )


def _resume_point(folder: Path) -> Path | None:
    last = folder / "last.ckpt"
    if not last.exists():
        return None
    try:
        torch.load(last, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as err:
        raise DataError(
            f"`{last}`: cannot be read as a checkpoint ({type(err).__name__}). It is damaged: remove the "
            f"folder to train from the start (`rm -r {folder}`), then run the same command again."
        ) from err
    logger.info("resuming from `%s`", last)
    return last


def choose_accelerator(wanted: str) -> str:
    """Choose between GPU and CPU.

    Parameters
    ----------
    wanted : {"auto", "cpu", "gpu"}

    Returns
    -------
    {"cpu", "gpu"}

    Raises
    ------
    ConfigError
        If a GPU is wanted and there is none.

    Notes
    -----
    Lightning's own `auto` takes Apple's GPU too, which lacks the float64 of `spectra.box_mean`.
    """
    found = "gpu" if torch.cuda.is_available() else "cpu"
    if wanted == "gpu" and found != "gpu":
        raise ConfigError(
            "`train.accelerator` is gpu, but PyTorch finds no CUDA device on this machine. Choose auto or "
            "cpu, or install a build of PyTorch for your GPU."
        )
    return found if wanted == "auto" else wanted


def _check_sizes(n_train: int, n_val: int, batch_size: int) -> None:
    if n_train < batch_size:
        raise ConfigError(
            f"The train split has {n_train} galaxies with both modalities, fewer than one batch of "
            f"{batch_size}. Lower `train.batch_size` or take more galaxies."
        )
    if n_val < 2:
        raise DataError(
            f"The val split has {n_val} galaxies with both modalities, so no epoch can be chosen (needed: "
            "two, better a hundred). Raise `split.val_fraction` or take more galaxies."
        )


def card(config: dict, history: pd.DataFrame) -> str:
    """Write the model card.

    Parameters
    ----------
    config : dict
        As exported beside the weights.
    history : pandas.DataFrame

    Returns
    -------
    str
        Markdown.
    """
    best = history.loc[history["val_loss"].idxmin()]
    source = config["source"]
    warning = (
        "It was trained on a **mock survey**: its scores on mock galaxies are no results on the sky.\n\n"
        if source == "simulate"
        else ""
    )
    sizes = ", ".join(f"{n:,} {split}" for split, n in config["dataset"]["splits"].items())
    return (
        f"# Image-spectrum model of run `{config['run']}`\n\n{warning}"
        f"Two towers ({config['n_parameters']:,} parameters) embed DESI Legacy Surveys g, r, z cutouts and "
        f"DESI spectra in {config['model']['embedding_dim']} dimensions, trained by symmetric InfoNCE.\n\n"
        f"- Survey: `{source}`; galaxies: {sizes}\n"
        f"- Best epoch {int(best['epoch'])} of {len(history)}: validation loss {best['val_loss']:.3f} "
        f"(chance {best['chance_val_loss']:.3f}), seed {config['train']['seed']}\n"
        '- Input: images in nanomaggies per 0.262" pixel; spectra in 1e-17 erg / s / cm2 / Angstrom on '
        "7,781 bins, 3600-9824 Angstrom (vacuum), exactly 0 where there is no data\n"
        "- Load with `galaxypair.model.load(folder)`; weights are safetensors, settings in `config.json`\n"
    )
