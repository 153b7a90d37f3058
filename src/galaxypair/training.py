"""What every training shares, of whatever: a folder of its own, where it goes on, and on which device."""

import fcntl
import hashlib
import json
import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from galaxypair.errors import ConfigError, DataError

logger = logging.getLogger(__name__)

# settings of how, not of what is trained
HOW = ("accelerator", "devices", "nodes", "checkpoint_minutes", "wandb_project")
LAST, BEST = "last.ckpt", "best.ckpt"  # to go on from, and the epoch with the lowest validation loss
# of every trainer: progress goes to the log, curves to the loggers
TRAINER = {
    "log_every_n_steps": 1,
    "num_sanity_val_steps": 0,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


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
    shaping = {k: v for k, v in settings.items() if k not in HOW}
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps([model_settings, shaping, fingerprint], sort_keys=True).encode())
    for path in code:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()


@contextmanager
def only_writer(folder: Path, name: str = "lock") -> Iterator[None]:
    """Hold the training folder against a second process (an orphan of a killed run, say).

    Parameters
    ----------
    folder : Path
    name : str, default="lock"
        Of the file in it that is locked.

    Raises
    ------
    DataError
        If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise DataError(
                f"`{folder}`: another process is training this very model. Wait for it, or end it "
                "(it may be left over from a killed run), then run the same command again."
            ) from err
        yield


def resume_point(folder: Path, loader: DataLoader) -> Path | None:
    """Find the checkpoint to go on from, and let the loader leave out what is done of its epoch.

    Parameters
    ----------
    folder : Path
    loader : DataLoader
        Of the train split, see `loaders.loader`.

    Returns
    -------
    Path or None
        None if there is none yet.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    last = folder / LAST
    if not last.exists():
        return None
    try:
        kept = torch.load(last, map_location="cpu", weights_only=True)
        done = kept["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["ready"]
    except (OSError, EOFError, RuntimeError, KeyError, pickle.UnpicklingError) as err:
        raise DataError(
            f"`{last}`: cannot be read as a checkpoint ({type(err).__name__}). It is damaged: remove the "
            f"folder to train from the start (`rm -r {folder}`), then run the same command again."
        ) from err
    if done < len(loader):  # else the epoch is complete
        loader.sampler.skip(kept["epoch"], done)
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
