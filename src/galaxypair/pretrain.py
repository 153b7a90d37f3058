"""Pretraining of one encoder by itself, without labels; interrupted, it goes on after the last epoch."""

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from galaxypair import __version__, distributed, loaders, model, observing, streaming, tables, training
from galaxypair.callbacks import AtomicCheckpoints, History
from galaxypair.errors import ConfigError, DataError
from galaxypair.frozen import PRETRAINABLE
from galaxypair.masked_spectra import MaskedSpectra
from galaxypair.mock.stream import VALIDATION, Stream, open_rounds
from galaxypair.momentum_contrast import MomentumContrast
from galaxypair.simulator_truth import SimulatorTruth

logger = logging.getLogger(__name__)

OBJECTIVES = {
    "image": {"self_supervised": MomentumContrast, "simulator_truth": SimulatorTruth},
    "spectrum": {"self_supervised": MaskedSpectra, "simulator_truth": SimulatorTruth},
}
NAMES = {
    ("image", "self_supervised"): "momentum contrast",
    ("spectrum", "self_supervised"): "masked modelling",
    ("image", "simulator_truth"): "simulator truth",
    ("spectrum", "simulator_truth"): "simulator truth",
}
DONE = {
    "momentum contrast": "and without labels to tell galaxies apart in all observing conditions (MoCo v2)",
    "masked modelling": "and without labels to fill in masked pieces of spectra",
    "simulator truth": "on what the simulator knows of each galaxy: redshift, mass, and what is no galaxy. "
    "Embeddings made with it are **not label-free**: what neighbours tell of a redshift was put in",
}
OPTIMISERS = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
SGD_MOMENTUM = 0.9  # of Stein et al.


class PretrainingTask(lightning.LightningModule):
    """One pretraining: objective, random draws, optimiser.

    Parameters
    ----------
    objective : nn.Module
        Called with a batch and a generator, it gives the loss and its value by chance.
    settings : dict
        Of one modality: `pretrain.image` or `pretrain.spectrum`, and `seed`.
    total_steps : int
    """

    def __init__(self, objective: nn.Module, settings: dict, total_steps: int) -> None:
        super().__init__()
        self.objective, self.settings, self.total_steps = objective, settings, total_steps

    @property
    def epoch_loss(self) -> float:
        """Mean train loss of the epoch."""
        return float(self.trainer.callback_metrics["train_loss"])

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Take the loss of a batch with draws of its own."""
        # tied to the step, so that a resumed training equals an undisturbed one; the global
        # generator serves dropout
        return self._loss("train", batch, [self.settings["seed"], 0, self.global_step])

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Take the loss of a batch with the same draws in every epoch."""
        self._loss("val", batch, [self.settings["seed"], 1, batch_idx])

    def _loss(self, split: str, batch: dict[str, Tensor], draws: list[int]) -> Tensor:
        seed = int(np.random.SeedSequence(draws).generate_state(1, np.uint64)[0] >> 1)
        if split == "train":
            torch.manual_seed(seed)
        generator = torch.Generator(self.device).manual_seed(seed)
        effects = self.settings["effects"]
        loss, chance = self.objective(observing.with_spectrum(batch, generator, effects), generator)
        names = ("train_loss", "chance_loss") if split == "train" else ("val_loss", "chance_val_loss")
        found = dict(zip(names, (loss, chance), strict=True))
        self.log_dict(found, on_step=False, on_epoch=True, batch_size=len(batch["row"]))
        return loss

    def configure_optimizers(self) -> dict:
        """Optimiser, and a rate that rises over the first steps, then falls as a cosine to 0."""
        trained = [p for p in self.parameters() if p.requires_grad]
        name, warmup = self.settings["optimizer"], self.settings["warmup_steps"]
        extra = {"momentum": SGD_MOMENTUM} if name == "sgd" else {}
        optimiser = OPTIMISERS[name](
            trained, self.settings["learning_rate"], weight_decay=self.settings["weight_decay"], **extra
        )

        def share(step: int) -> float:
            rising = min(1.0, (step + 1) / (warmup + 1))
            return rising * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.total_steps)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit(
    data: dict | Stream,
    folder: Path,
    modality: str,
    encoder_settings: dict,
    settings: dict,
    *,
    threads: int,
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """Pretrain, or go on with it; give the weights after the last epoch.

    Parameters
    ----------
    data : dict or Stream
        From `io.read_manifest`; or mock galaxies, of which each epoch is a round.
    folder : Path
        Where checkpoints and TensorBoard logs live; from an earlier try, it is resumed.
    modality : {"image", "spectrum"}
    encoder_settings : dict
        Of `model.image` or `model.spectrum`: the encoder, its section, and of images `crop_px`.
    settings : dict
        Of one modality: `pretrain.image` or `pretrain.spectrum`, `seed`, `accelerator`, `precision`.
    threads : int
        CPU threads.

    Returns
    -------
    weights : dict of str to Tensor
        Of the encoder, and of a contrastive head `fc`.
    history : pandas.DataFrame
        `tables.HISTORY_COLUMNS`.

    Raises
    ------
    ConfigError
        If the encoder cannot be pretrained, there are fewer galaxies than in a batch, there is no GPU to be
        had, or the loss diverges.
    DataError
        If there is no val galaxy, or a checkpoint cannot be read.

    Notes
    -----
    Neither loss tells which epoch has the best features: that of momentum contrast is measured against
    keys that get better with the encoder. The published encoders are those of the last epoch too.
    """
    accelerator = training.choose_accelerator(settings["accelerator"])
    torch.set_num_threads(threads)
    lightning.seed_everything(settings["seed"], verbose=False)
    made = _open_loaders(data, modality, settings, threads=threads, pin_memory=accelerator == "gpu")
    with made as (train_loader, val_loader):
        n_train = data.galaxies if isinstance(data, Stream) else len(train_loader.dataset)
        objective = build_objective(modality, encoder_settings, settings, n_train)
        task = PretrainingTask(objective, settings, settings["epochs"] * len(train_loader))
        history = History(
            None, train_loader.batch_size, val_loader.batch_size, section=f"pretrain.{modality}"
        )
        trainer = _trainer(folder, settings, accelerator, history)
        resumed = training.resume_point(folder, train_loader)
        trainer.fit(task, train_loader, val_loader, ckpt_path=resumed, weights_only=True)
        if isinstance(objective, SimulatorTruth):
            # as the survey itself takes them: what is said of its galaxies is to hold
            generator = torch.Generator(task.device).manual_seed(settings["seed"])
            objective.calibrate(observing.with_spectrum(batch, generator) for batch in val_loader)
    return objective.exported(), pd.DataFrame(history.rows, columns=list(tables.HISTORY_COLUMNS))


def _trainer(folder: Path, settings: dict, accelerator: str, history: History) -> lightning.Trainer:
    # the key encoder is meant to be in it
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")
    # the newest under this name: without a monitor, nothing is compared
    last = ModelCheckpoint(folder, Path(training.LAST).stem, save_top_k=1, enable_version_counter=False)
    return lightning.Trainer(
        accelerator=accelerator,
        devices=1,
        precision=settings["precision"],
        max_epochs=settings["epochs"],
        callbacks=[history, last],
        plugins=[AtomicCheckpoints(), distributed.alone()],
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        **training.TRAINER,
    )


def build_objective(modality: str, encoder_settings: dict, settings: dict, n_train: int) -> nn.Module:
    """Make an untrained encoder and what it is trained by.

    Parameters
    ----------
    modality : {"image", "spectrum"}
    encoder_settings, settings : dict
        As for `fit`.
    n_train : int
        Galaxies of the train split.

    Returns
    -------
    MomentumContrast, MaskedSpectra or SimulatorTruth

    Raises
    ------
    ConfigError
        If the encoder cannot be pretrained.
    """
    name = encoder_settings["encoder"]
    if name not in PRETRAINABLE[modality]:
        raise ConfigError(
            f"`model.{modality}.encoder` is {name}, which cannot be pretrained here; choose one of: "
            f"{', '.join(PRETRAINABLE[modality])}."
        )
    if modality == "image" and (wanted := settings["queue"]) > n_train:
        logger.info("`pretrain.image.queue` of %s is cut to the %s galaxies to train on", wanted, n_train)
    encoder = model.build_encoder(modality, with_all_weights(encoder_settings))
    return OBJECTIVES[modality][settings["objective"]](encoder, settings, n_train)


def with_all_weights(encoder_settings: dict) -> dict:
    """Choose the output of an encoder for which it has all its weights, whatever is taken later.

    Parameters
    ----------
    encoder_settings : dict

    Returns
    -------
    dict
    """
    name = encoder_settings["encoder"]
    whole = {"stein_resnet50": "projection", "specformer": "tokens"}
    if name not in whole:
        return encoder_settings
    return encoder_settings | {name: encoder_settings[name] | {"output": whole[name]}}


@contextmanager
def _open_loaders(
    data: dict | Stream, modality: str, settings: dict, *, threads: int, pin_memory: bool
) -> Iterator[tuple[DataLoader, DataLoader]]:
    if not isinstance(data, Stream):
        yield _shard_loaders(data, modality, settings, pin_memory=pin_memory)
        return
    _check_batch(data.round_galaxies, modality, settings, "A round of the stream")
    with open_rounds(data, modality, max(1, threads - 1)) as rounds:
        train = streaming.RoundDataset(rounds, data.round_galaxies)
        val = streaming.RoundDataset(rounds, data.val_galaxies)
        val.turn_to(VALIDATION)
        order = streaming.RoundSampler(train, settings["seed"], data.passes)
        yield _batches(train, order, val, settings, pin_memory=pin_memory)


def _shard_loaders(
    manifest: dict, modality: str, settings: dict, *, pin_memory: bool
) -> tuple[DataLoader, DataLoader]:
    columns = [modality, "z"]
    train, val = (loaders.ShardDataset(manifest, s, columns, needed=[modality]) for s in ("train", "val"))
    _check_batch(len(train), modality, settings, "The train split")
    if not len(val):
        raise DataError(
            f"The val split has no galaxy with {modality} to measure a loss with. Raise "
            "`split.val_fraction` or take more galaxies."
        )
    order = loaders.EpochSampler(len(train), settings["seed"])
    return _batches(train, order, val, settings, pin_memory=pin_memory)


def _check_batch(n: int, modality: str, settings: dict, where: str) -> None:
    if n < (batch_size := settings["batch_size"]):
        raise ConfigError(
            f"{where} has {n} galaxies with {modality}, fewer than one batch of {batch_size}. Lower "
            f"`pretrain.{modality}.batch_size` or take more galaxies."
        )


def _batches(
    train: Dataset, order: loaders.EpochSampler, val: Dataset, settings: dict, *, pin_memory: bool
) -> tuple[DataLoader, DataLoader]:
    batch_size, val_order = settings["batch_size"], loaders.fixed_order(len(val), settings["seed"])
    return (
        loaders.loader(train, loaders.Share(order, batch_size), pin_memory=pin_memory),
        loaders.loader(val, loaders.Share(val_order, min(batch_size, len(val))), pin_memory=pin_memory),
    )


def describe(
    modality: str, encoder_settings: dict, settings: dict, dataset: dict, weights: dict[str, Tensor]
) -> dict:
    """Tell what `config.json` says about a pretrained encoder.

    Parameters
    ----------
    modality : {"image", "spectrum"}
    encoder_settings, settings : dict
        As for `fit`.
    dataset : dict
        From `io.read_manifest` or `Stream.describe`.
    weights : dict of str to Tensor
        From `fit`.

    Returns
    -------
    dict
    """
    return {
        "modality": modality,
        "encoder": encoder_settings,
        "objective": NAMES[modality, settings["objective"]],
        "pretrain": settings,
        "dataset": {k: dataset[k] for k in ("crop_px", "splits", "fingerprint", "stream") if k in dataset},
        "n_parameters": sum(value.numel() for value in weights.values()),
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
    modality, part, last = config["modality"], config["encoder"], history.iloc[-1]
    mock = (
        "It was trained on a **mock survey**: what it knows is not the sky.\n\n"
        if config["source"] == "simulate"
        else ""
    )
    done = DONE[config["objective"]]
    kept = "; `fc` is the contrastive head" if config["objective"] == "momentum contrast" else ""
    seen, epochs, warning = _told_of_data(config["dataset"], len(history))
    return (
        f"# Pretrained {modality} encoder of run `{config['run']}`\n\n{mock}"
        f"`{part['encoder']}` {part[part['encoder']]} ({config['n_parameters']:,} parameters{kept}), trained "
        f"by itself {done}.\n\n"
        f"- Survey: `{config['source']}`; {seen}, seed {config['pretrain']['seed']}\n"
        f"- {epochs}; last loss {last['train_loss']:.3f} (chance {last['chance_loss']:.3f}), "
        f"validation {last['val_loss']:.3f} (chance {last['chance_val_loss']:.3f})\n"
        f"- Use: `model.{modality}.pretrained: {config['run']}` in the config of any run.{warning}\n"
    )


def _told_of_data(dataset: dict, n_epochs: int) -> tuple[str, str, str]:
    """Tell what was trained on, how often it was seen, and what not to score."""
    n_train, stream = f"{dataset['splits']['train']:,}", dataset.get("stream")
    if not stream:
        warning = " Scores of it on galaxies of this train split are no test"
        return f"train split ({n_train} galaxies)", f"{n_epochs} epochs", warning
    rounds = f"{n_epochs} rounds of {stream['round_galaxies']:,} galaxies, {stream['passes']} passes of each"
    seen = f"{n_train} streamed galaxies (seed {stream['seed']}), simulated meanwhile and kept nowhere"
    return seen, rounds, ""
