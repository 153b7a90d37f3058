"""Contrastive training with Lightning; interrupted, it goes on where the last epoch ended."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import lightning
import pandas as pd
import torch
from lightning.fabric.plugins import ClusterEnvironment
from torch.utils.data import DataLoader

from galaxypair import (
    __version__,
    arithmetic,
    checkpoints,
    distributed,
    experiment_logs,
    features,
    loaders,
    model,
    pretrained,
    tables,
    training,
)
from galaxypair.callbacks import AtomicCheckpoints, History, MidEpochCheckpoints, Patience
from galaxypair.contrastive import ContrastiveTask
from galaxypair.errors import ConfigError, DataError
from galaxypair.frozen import frozen_modalities
from galaxypair.saving import BestAndLast
from galaxypair.throughput import Throughput


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
    processes = distributed.choose_processes(settings, training.choose_accelerator(settings["accelerator"]))
    arguments = {"threads": threads, "weights": weights or {}, "cached": cached or {}}
    if processes.total == 1:
        run(manifest, folder, model_settings, settings, processes=processes, **arguments)
    else:
        shaping = {"manifest": manifest, "model_settings": model_settings, "settings": settings}
        request = {**shaping, "processes": vars(processes), **arguments}
        distributed.launch(processes, folder, request, threads)
    return _best(folder, model_settings, settings, weights or {})


def run(
    manifest: dict,
    folder: Path,
    model_settings: dict,
    settings: dict,
    *,
    processes: distributed.Processes,
    threads: int,
    weights: Mapping[str, Path],
    cached: Mapping[str, Path],
    environment: ClusterEnvironment | None = None,
) -> None:
    """Train in this process, alone or as one of several that run this function.

    Parameters
    ----------
    manifest, folder, model_settings, settings, threads, weights, cached
        See `fit`.
    processes : distributed.Processes
    environment : ClusterEnvironment, optional
        Of several processes: who started them.

    Raises
    ------
    ConfigError, DataError
        See `fit`.
    KeyboardInterrupt
        If the process is asked to end.
    """
    environment = environment or distributed.alone()
    rank = environment.global_rank()
    torch.set_num_threads(max(threads // processes.per_node, 1))
    lightning.seed_everything(settings["seed"], verbose=False)
    stored = {split: features.read(path, manifest, split) for split, path in cached.items()}
    columns = [m for m in tables.MODALITIES if m not in stored.get("train", {})]
    train_loader, val_loader = _make_loaders(
        manifest,
        settings,
        [*columns, "z"] if columns else [],
        pin_memory=processes.accelerator == "gpu",
        rank=rank,
        processes=processes.total,
    )
    last = training.resume_point(folder, train_loader)
    joint = {"train": train_loader.sampler.batch_size, "val": val_loader.sampler.batch_size}
    task = ContrastiveTask(
        model_settings,
        settings,
        len(train_loader),
        stored,
        rank=rank,
        shares={split: loaders.shares(n, processes.total) for split, n in joint.items()},
    )
    checkpoints.load_published(task.model, model_settings, weights)
    if settings["compile"]:
        task.compile_parts()
    trainer = _trainer(folder, settings, processes, environment, joint)
    try:
        with arithmetic.fast_float32(processes.accelerator):
            trainer.fit(task, train_loader, val_loader, ckpt_path=last, weights_only=True)
    except SystemExit:  # which Lightning makes of it
        raise KeyboardInterrupt from None


def _trainer(
    folder: Path,
    settings: dict,
    processes: distributed.Processes,
    environment: ClusterEnvironment,
    joint: dict[str, int],
) -> lightning.Trainer:
    for expected in (
        r"Found \d+ module\(s\) in eval mode",  # the frozen encoders
        r"The '\w+' does not have many workers",  # a thread reads ahead
        r"Checkpoint directory .* exists and is not empty",  # it holds the lock
        r"You're resuming from a checkpoint that ended before",  # the loader leaves out what is done
    ):
        warnings.filterwarnings("ignore", message=expected)
    patience = settings["early_stop_epochs"]
    return lightning.Trainer(
        accelerator=processes.accelerator,
        devices=processes.per_node,
        num_nodes=processes.nodes,
        strategy="ddp" if processes.total > 1 else "auto",
        sync_batchnorm=processes.accelerator == "gpu" and processes.total > 1,
        use_distributed_sampler=False,
        precision=settings["precision"],
        max_epochs=settings["epochs"],
        callbacks=[
            History(settings["loss"], *joint.values()),
            MidEpochCheckpoints(folder / training.LAST, settings["checkpoint_minutes"]),
            Throughput(),
            *([Patience(patience)] if patience else []),
            BestAndLast(folder),
        ],
        plugins=[AtomicCheckpoints(), environment],
        gradient_clip_val=settings["gradient_clip"],
        logger=experiment_logs.make(folder, settings["wandb_project"]),
        **training.TRAINER,
    )


def _best(
    folder: Path, model_settings: dict, settings: dict, weights: Mapping[str, Path]
) -> tuple[model.PairModel, pd.DataFrame]:
    """Read the best epoch and the history of a training that is done."""
    # checkpoints leave frozen encoders out; of one without weights to read, the same are drawn again
    lightning.seed_everything(settings["seed"], verbose=False)
    task = ContrastiveTask(model_settings, settings, 1)
    checkpoints.load_published(task.model, model_settings, weights)
    best, last = (
        torch.load(folder / name, map_location="cpu", weights_only=True)
        for name in (training.BEST, training.LAST)
    )
    task.on_load_checkpoint(best)
    task.load_state_dict(best["state_dict"])
    rows = last["callbacks"][History.__name__]["rows"]
    return task.model.eval(), pd.DataFrame(rows, columns=list(tables.HISTORY_COLUMNS))


def _make_loaders(
    manifest: dict, settings: dict, columns: list[str], *, pin_memory: bool, rank: int, processes: int
) -> tuple[DataLoader, DataLoader]:
    train, val = (loaders.ShardDataset(manifest, split, columns) for split in ("train", "val"))
    batch_size, seed = settings["batch_size"], settings["seed"]
    _check_sizes(len(train), len(val), batch_size, processes)
    order, val_order = loaders.EpochSampler(len(train), seed), loaders.fixed_order(len(val), seed)
    return (
        loaders.loader(train, loaders.Share(order, batch_size, rank, processes), pin_memory=pin_memory),
        loaders.loader(
            val, loaders.Share(val_order, min(batch_size, len(val)), rank, processes), pin_memory=pin_memory
        ),
    )


def _check_sizes(n_train: int, n_val: int, batch_size: int, processes: int) -> None:
    if n_train < batch_size:
        raise ConfigError(
            f"The train split has {n_train} galaxies with both modalities, fewer than one batch of "
            f"{batch_size}. Lower `train.batch_size` or take more galaxies."
        )
    if n_val < max(2, processes):
        raise DataError(
            f"The val split has {n_val} galaxies with both modalities, so no epoch can be chosen (needed: "
            "two, one for each process, better a hundred). Raise `split.val_fraction` or take more galaxies."
        )


def describe(
    made: model.PairModel,
    model_settings: dict,
    settings: dict,
    dataset: dict,
    weights: Mapping[str, Path] | None = None,
) -> dict:
    """Tell what `config.json` says about a trained model.

    Parameters
    ----------
    made : PairModel
        From `fit`.
    model_settings, settings : dict
        Sections `model` and `train` of the config.
    dataset : dict
        From `io.read_manifest`.
    weights : mapping of {"image", "spectrum"} to Path, optional
        Published or pretrained weights that it started from.

    Returns
    -------
    dict
    """
    started = {m: pretrained.describe(p) for m, p in (weights or {}).items() if p.suffix == pretrained.SUFFIX}
    return {
        "model": model_settings,
        "train": settings,
        "dataset": {key: dataset[key] for key in ("crop_px", "splits", "fingerprint")},
        "n_parameters": model.n_parameters(made),
        "frozen": frozen_modalities(model_settings),
        "pretrained": started,
        "versions": {"galaxypair": __version__, "torch": torch.__version__},
    }
