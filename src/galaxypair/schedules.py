"""How the learning rate follows the steps of a training."""

import math

from torch.optim import Optimizer, lr_scheduler

from galaxypair.errors import ConfigError


def cosine(step: int, warmup_steps: int, cosine_steps: int, final: float) -> float:
    """Share of the highest learning rate: up in a straight line, down in half a cosine, then level.

    Parameters
    ----------
    step : int
        Counted from 0.
    warmup_steps : int
        Steps from 0 to the highest rate.
    cosine_steps : int
        Steps to where the cosine ends, those of the warm-up included.
    final : float
        Where it ends, and stays.

    Returns
    -------
    float

    Notes
    -----
    As AstroCLIP's second version counts its steps. PyTorch's own cosine would rise again.
    """
    if step < warmup_steps:
        return step / warmup_steps
    if step >= cosine_steps:
        return final
    fallen = (step - warmup_steps) / (cosine_steps - warmup_steps)
    return final + (1 - final) * (1 + math.cos(math.pi * fallen)) / 2


def build(optimiser: Optimizer, settings: dict, total_steps: int) -> dict:
    """Make the schedule that the settings name.

    Parameters
    ----------
    optimiser : Optimizer
    settings : dict
        Section `train` of the config.
    total_steps : int
        Of the whole training.

    Returns
    -------
    dict
        What Lightning wants to know of it.

    Raises
    ------
    ConfigError
        If the warm-up takes the whole training.
    """
    rate, epochs = settings["learning_rate"], settings["epochs"]
    if settings["schedule"] == "plateau":
        plateau = lr_scheduler.ReduceLROnPlateau(optimiser, **settings["plateau"])
        # never by Lightning, which forgets the step of the epoch that it resumes after
        return {"scheduler": plateau, "monitor": "train_loss", "frequency": epochs + 1}
    if settings["schedule"] == "one_cycle":
        schedule = lr_scheduler.OneCycleLR(optimiser, rate, total_steps=total_steps)
    else:
        end = settings["cosine_steps"] or total_steps
        warmup, final = settings["warmup_steps"], settings["final_learning_rate"] / rate
        if warmup >= end:
            raise ConfigError(
                f"`train.warmup_steps` is {warmup:,}, but the rate is at its end after {end:,} batches. "
                "Lower it, or raise `train.epochs` (or `train.cosine_steps`, if it is set)."
            )
        schedule = lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, warmup, end, final))
    return {"scheduler": schedule, "interval": "step"}
