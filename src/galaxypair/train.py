"""Contrastive training with Lightning; interrupted, it goes on where the last epoch ended."""

import fcntl
import hashlib
import json
import logging
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import lightning
import pandas as pd
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from galaxypair import __version__, arithmetic, checkpoints, features, loaders, model, tables
from galaxypair.callbacks import AtomicCheckpoints, History
from galaxypair.contrastive import ContrastiveTask
from galaxypair.errors import ConfigError, DataError
from galaxypair.frozen import frozen_modalities
from galaxypair.saving import BestAndLast

logger = logging.getLogger(__name__)


def state_key(model_settings: dict, settings: dict, fingerprint: str, code: list[Path]) -> str:
    """Name the folder of a training by everything that shapes its result.

    Parameters
    ----------
    model_settings, settings : dict
    fingerprint : str
        Of the dataset, from its manifest.
    code : list of Path
        Modules that define model and training, and published weights that it starts from.

    Returns
    -------
    str
        A changed setting, dataset or module never resumes another one's checkpoint.
    """
    shaping = {k: v for k, v in settings.items() if k != "accelerator"}
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps([model_settings, shaping, fingerprint], sort_keys=True).encode())
    for path in code:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "blake2b").digest())
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
    manifest: dict,
    folder: Path,
    model_settings: dict,
    settings: dict,
    *,
    threads: int,
    weights: Mapping[str, Path] | None = None,
    cached: Mapping[str, Path] | None = None,
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
    weights : mapping of {"image", "spectrum"} to Path, optional
        Published weights of the encoders that have such.
    cached : mapping of {"train", "val"} to Path, optional
        From `features.build`: features of the frozen encoders, which else run in every step.

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
    stored = {split: features.read(path, manifest, split) for split, path in (cached or {}).items()}
    columns = [m for m in tables.MODALITIES if m not in stored.get("train", {})]
    train_loader, val_loader = _make_loaders(
        manifest,
        settings,
        [*columns, "z"] if columns else [],
        workers=min(threads, 4) if accelerator == "gpu" and columns else 0,
    )
    task = ContrastiveTask(model_settings, settings, len(train_loader), stored)
    checkpoints.load_published(task.model, model_settings, weights or {})
    history = History(settings["loss"], train_loader.batch_size, val_loader.batch_size)
    trainer = lightning.Trainer(
        accelerator=accelerator,
        devices=1,
        precision=settings["precision"],
        max_epochs=settings["epochs"],
        callbacks=[history, BestAndLast(folder)],
        plugins=[AtomicCheckpoints()],
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    # frozen encoders are meant to be in it
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")
    with arithmetic.fast_float32(accelerator):
        trainer.fit(task, train_loader, val_loader, ckpt_path=_resume_point(folder), weights_only=True)
    best = torch.load(folder / "best.ckpt", map_location="cpu", weights_only=True)
    task.on_load_checkpoint(best)
    task.load_state_dict(best["state_dict"])
    return task.model.eval(), pd.DataFrame(history.rows, columns=list(tables.HISTORY_COLUMNS))


def _make_loaders(
    manifest: dict, settings: dict, columns: list[str], *, workers: int
) -> tuple[DataLoader, DataLoader]:
    train, val = (loaders.ShardDataset(manifest, split, columns) for split in ("train", "val"))
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


def describe(made: model.PairModel, model_settings: dict, settings: dict, dataset: dict) -> dict:
    """Tell what `config.json` says about a trained model.

    Parameters
    ----------
    made : PairModel
        From `fit`.
    model_settings, settings : dict
        Sections `model` and `train` of the config.
    dataset : dict
        From `io.read_manifest`.

    Returns
    -------
    dict
    """
    return {
        "model": model_settings,
        "train": settings,
        "dataset": {key: dataset[key] for key in ("crop_px", "splits", "fingerprint")},
        "n_parameters": model.n_parameters(made),
        "frozen": frozen_modalities(model_settings),
        "versions": {"galaxypair": __version__, "torch": torch.__version__},
    }


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
    frozen = ", ".join(f"{m} ({config['model'][m]['encoder']})" for m in config["frozen"])
    kept = f"- Frozen, with published weights: the encoder of {frozen}\n" if frozen else ""
    loss = {"info_nce": "symmetric InfoNCE", "sigmoid": "the sigmoid loss"}[config["train"]["loss"]]
    sizes = ", ".join(f"{n:,} {split}" for split, n in config["dataset"]["splits"].items())
    return (
        f"# Image-spectrum model of run `{config['run']}`\n\n{warning}"
        f"Two towers ({config['n_parameters']:,} parameters) embed DESI Legacy Surveys g, r, z cutouts and "
        f"DESI spectra in {config['model']['embedding_dim']} dimensions, trained by {loss}.\n\n"
        f"- Survey: `{source}`; galaxies: {sizes}\n{kept}"
        f"- Best epoch {int(best['epoch'])} of {len(history)}: validation loss {best['val_loss']:.3f} "
        f"(chance {best['chance_val_loss']:.3f}), seed {config['train']['seed']}\n"
        '- Input: images in nanomaggies per 0.262" pixel; spectra in 1e-17 erg / s / cm2 / Angstrom on '
        "7,781 bins, 3600-9824 Angstrom (vacuum), exactly 0 where there is no data\n"
        "- Load with `galaxypair.model.load(folder)`; weights are safetensors, settings in `config.json`\n"
    )
