"""Supervised training of a network on one modality: what labels alone give on the same split.

One network predicts all properties of a galaxy; the loss leaves out those that are not known of it.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path

import lightning
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader

from galaxypair import __version__, arithmetic, distributed, loaders, tables, training
from galaxypair.callbacks import AtomicCheckpoints, History
from galaxypair.errors import ConfigError, DataError
from galaxypair.saving import BestAndLast
from galaxypair.supervised_labels import split_labels, standard
from galaxypair.supervised_networks import MODALITY, Predictor
from galaxypair.supervised_task import SupervisedTask

LEARN_ON = ("train", "val")


def fit(
    manifest: dict,
    folder: Path,
    name: str,
    known: pd.DataFrame,
    settings: dict,
    *,
    crop_px: int,
    threads: int,
) -> tuple[Predictor, pd.DataFrame]:
    """Train, or go on training; give the epoch with the lowest validation loss.

    Parameters
    ----------
    manifest : dict
        From `io.read_manifest`.
    folder : Path
        Where checkpoints and TensorBoard logs live; from an earlier try, it is resumed.
    name : {"resnet18", "conv_attention"}
    known : pandas.DataFrame
        From `supervised_labels.labels`.
    settings : dict
        seed, batch_size, learning_rate, epochs, accelerator, precision.
    crop_px : int
        Side of the central square of images.
    threads : int
        CPU threads.

    Returns
    -------
    best : Predictor
    history : pandas.DataFrame
        `tables.HISTORY_COLUMNS`; chance is the mean of the train split.

    Raises
    ------
    ConfigError
        If the train split is smaller than a batch, there is no GPU to be had, or the loss diverges.
    DataError
        If no val galaxy has a label, the labels are of other galaxies, or a checkpoint cannot be read.

    Notes
    -----
    Recipe of the baselines of AstroCLIP's second version (published code, `downstream_tasks`): Adam, mean
    square error on standardised properties, the epoch of the lowest validation loss. Not as theirs: `val` is
    the survey's own split, where they draw a fifth of `train` anew in each run; and the weights of the best
    epoch are copied, where some of theirs are kept by reference and so are those of the last epoch. One
    network predicts all properties, and one epoch is chosen for all of them, instead of as many trainings as
    properties; a network of its own may be better at one.
    """
    accelerator = training.choose_accelerator(settings["accelerator"])
    torch.set_num_threads(threads)
    lightning.seed_everything(settings["seed"], verbose=False)
    modality = MODALITY[name]
    datasets = {s: loaders.ShardDataset(manifest, s, [modality], needed=[modality]) for s in LEARN_ON}
    wanted = {s: split_labels(manifest, s, modality, known) for s in LEARN_ON}
    _check(datasets["train"], wanted["val"], modality, settings["batch_size"])
    mean, scale = standard(wanted["train"])
    task = SupervisedTask(Predictor(name, crop_px, mean, scale), modality, settings, wanted)
    train_loader, val_loader = _make_loaders(datasets, settings, pin_memory=accelerator == "gpu")
    warnings.filterwarnings("ignore", message=r"The '\w+' does not have many workers")  # a thread reads ahead
    trainer = lightning.Trainer(
        accelerator=accelerator,
        devices=1,
        precision=settings["precision"],
        max_epochs=settings["epochs"],
        callbacks=[
            History(None, train_loader.batch_size, val_loader.batch_size, section="baselines"),
            BestAndLast(folder),
        ],
        plugins=[AtomicCheckpoints(), distributed.alone()],
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        **training.TRAINER,
    )
    resumed = training.resume_point(folder, train_loader)
    with arithmetic.fast_float32(accelerator):
        trainer.fit(task, train_loader, val_loader, ckpt_path=resumed, weights_only=True)
    return _best(folder, task)


def _best(folder: Path, task: SupervisedTask) -> tuple[Predictor, pd.DataFrame]:
    """Read the best epoch and the history of a training that is done."""
    best, last = (
        torch.load(folder / name, map_location="cpu", weights_only=True)
        for name in (training.BEST, training.LAST)
    )
    task.cpu().load_state_dict(best["state_dict"])
    rows = last["callbacks"][History.__name__]["rows"]
    return task.predictor.eval(), pd.DataFrame(rows, columns=list(tables.HISTORY_COLUMNS))


def _make_loaders(
    datasets: Mapping[str, loaders.ShardDataset], settings: dict, *, pin_memory: bool
) -> tuple[DataLoader, DataLoader]:
    train, val = (datasets[split] for split in LEARN_ON)
    batch_size, seed = settings["batch_size"], settings["seed"]
    order, val_order = loaders.EpochSampler(len(train), seed), loaders.fixed_order(len(val), seed)
    return (
        loaders.loader(train, loaders.Share(order, batch_size), pin_memory=pin_memory),
        loaders.loader(val, loaders.Share(val_order, min(batch_size, len(val))), pin_memory=pin_memory),
    )


def _check(train: loaders.ShardDataset, val_labels: Tensor, modality: str, batch_size: int) -> None:
    if len(train) < batch_size:
        raise ConfigError(
            f"The train split has {len(train)} galaxies with {modality}, fewer than one batch of "
            f"{batch_size}. Lower `baselines.batch_size` or take more galaxies."
        )
    if not val_labels.isfinite().any():
        raise DataError(
            f"No galaxy of the val split has {modality} and a property, so no epoch can be chosen. Raise "
            "`split.val_fraction` or take more galaxies."
        )


@torch.inference_mode()
def predict(made: Predictor, manifest: dict, name: str, known: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Predict the properties of the test galaxies that have the modality.

    Parameters
    ----------
    made : Predictor
        From `fit`.
    manifest : dict
    name : {"resnet18", "conv_attention"}
    known : pandas.DataFrame
        From `supervised_labels.labels`.
    settings : dict
        batch_size and accelerator.

    Returns
    -------
    pandas.DataFrame
        `tables.BASELINE_COLUMNS`, where the property is known.

    Raises
    ------
    DataError
        If there is no such galaxy.
    """
    device = "cuda" if training.choose_accelerator(settings["accelerator"]) == "gpu" else "cpu"
    modality, step = MODALITY[name], settings["batch_size"]
    truth = split_labels(manifest, "test", modality, known).numpy().astype(float)
    if not np.isfinite(truth).any():
        raise DataError(
            f"No galaxy of the test split has {modality} and a property: there is nothing to predict. Lower "
            "`split.train_fraction` or take more galaxies."
        )
    dataset = loaders.ShardDataset(manifest, "test", [modality, "targetid"], needed=[modality])
    made, parts, ids = made.to(device), [], []
    for rows in np.array_split(np.arange(len(dataset)), range(step, len(dataset), step)):
        batch = dataset.__getitems__(rows)
        parts.append(made.predict(batch[modality].to(device)).cpu().numpy())
        ids.append(batch["targetid"].numpy())
    made.cpu()
    frames = []
    for target, y_true, y_pred in zip(known, truth.T, np.concatenate(parts).T.astype(float), strict=True):
        columns = (f"{name}_supervised", np.concatenate(ids), target, y_true, y_pred)
        frames.append(pd.DataFrame(dict(zip(tables.BASELINE_COLUMNS, columns, strict=True))))
    return pd.concat(frames, ignore_index=True).dropna(subset="y_true", ignore_index=True)


def describe(made: Predictor, shaping: dict, settings: dict, dataset: dict) -> dict:
    """Tell what `config.json` says about a trained network.

    Parameters
    ----------
    made : Predictor
        From `fit`.
    shaping : dict
        network, crop_px, and targets in the order of its outputs.
    settings : dict
    dataset : dict
        From `io.read_manifest`.

    Returns
    -------
    dict
    """
    return shaping | {
        "modality": MODALITY[shaping["network"]],
        "settings": settings,
        "dataset": {key: dataset[key] for key in ("crop_px", "splits", "fingerprint")},
        "n_parameters": sum(value.numel() for value in made.parameters()),
        "versions": {"galaxypair": __version__, "torch": torch.__version__},
    }
