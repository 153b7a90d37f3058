"""Trials of an ablation: what a run trains beside its own model, and how each differs from it.

A variant is an overlay on the sections `model` and `train` of the run; a trial is a variant with a seed.
Dataset, cross-match and protocols are those of the run.
"""

import copy
from typing import Any

from galaxypair.config import check, typed
from galaxypair.errors import ConfigError

AS_CONFIGURED = "as_configured"  # the variant that differs in nothing: the run itself
OWN = ""  # folder of the run's own model, within the run's
NOT_OF_A_VARIANT = {  # key: why
    "train.seed": "every variant is trained with those of `ablation.seeds`",
    "model.from_run": "variants are trained",
    "model.from_checkpoint": "variants are trained",
}


def merged(base: dict, overlay: dict) -> dict:
    """Lay one configuration over another, key by key.

    Parameters
    ----------
    base, overlay : dict

    Returns
    -------
    dict
        A copy; sections that both have are merged, anything else of `overlay` replaces.
    """
    out = copy.deepcopy(base)
    for key, value in overlay.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else copy.deepcopy(value)
    return out


def variants(config: dict, schema: dict) -> dict[str, dict]:
    """Give the whole configuration of every variant.

    Parameters
    ----------
    config : dict
        Of the run, checked.
    schema : dict
        JSON schema of the configuration.

    Returns
    -------
    dict of str to dict
        By name, the run itself first.

    Raises
    ------
    ConfigError
        Naming the variant, if its settings cannot be used or it differs in nothing.
    """
    found = {AS_CONFIGURED: config}
    for name, overlay in config["ablation"]["variants"].items():
        where = f"`ablation.variants.{name}`"
        if name == AS_CONFIGURED:
            raise ConfigError(f"{where}: this name is that of the run itself; choose another one.")
        for key, why in NOT_OF_A_VARIANT.items():
            section, _, last = key.partition(".")
            if last in overlay.get(section, {}):
                raise ConfigError(f"{where} sets `{key}`, but {why}; leave it out.")
        changed = typed(merged(config, overlay), schema)
        try:
            check(changed, schema)
        except ConfigError as err:
            raise ConfigError(f"{where}: {err}") from None
        if not differences(config, changed):
            raise ConfigError(f"{where} differs in nothing from the run; change a setting or leave it out.")
        found[name] = changed
    return found


def differences(base: dict, changed: dict, prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """List the settings in which two configurations differ.

    Parameters
    ----------
    base, changed : dict
        Of the same keys.
    prefix : str, default=""
        Dotted name of the section, with a dot at its end.

    Returns
    -------
    dict of str to (object, object)
        Dotted name to both values.
    """
    found = {}
    for key, value in changed.items():
        if isinstance(value, dict):
            found |= differences(base[key], value, f"{prefix}{key}.")
        elif value != base[key]:
            found[prefix + key] = base[key], value
    return found


def describe(base: dict, changed: dict) -> str:
    """Say in one line how a variant differs from its run.

    Parameters
    ----------
    base, changed : dict

    Returns
    -------
    str
        Such as "train.optimizer: adamw \N{RIGHTWARDS ARROW} adam"; empty for the run itself.
    """

    def spelled(value: Any) -> str:
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return "; ".join(
        f"{name}: {spelled(old)} \N{RIGHTWARDS ARROW} {spelled(new)}"
        for name, (old, new) in differences(base, changed).items()
    )


def folder(variant: str, seed: int, config: dict) -> str:
    """Name the folder of a trial within its run's, with a slash at its end.

    Parameters
    ----------
    variant : str
    seed : int
    config : dict
        Of the run.

    Returns
    -------
    str
        Empty for the run's own model, which is not trained twice.
    """
    own = variant == AS_CONFIGURED and seed == config["train"]["seed"]
    return OWN if own else f"ablation/{variant}-{seed}/"


def trials(config: dict, schema: dict) -> dict[str, dict]:
    """Give the whole configuration of everything that a run may train.

    Parameters
    ----------
    config : dict
        Of the run, checked.
    schema : dict
        JSON schema of the configuration.

    Returns
    -------
    dict of str to dict
        By folder, the run's own model first.

    Raises
    ------
    ConfigError
        See `variants`.
    """
    found = {OWN: config}
    for name, changed in variants(config, schema).items():
        for seed in config["ablation"]["seeds"]:
            found[folder(name, seed, config)] = merged(changed, {"train": {"seed": seed}})
    return found


def comparable_losses(base: dict, changed: dict) -> bool:
    """Tell whether two trainings' losses are on one scale.

    Parameters
    ----------
    base, changed : dict

    Returns
    -------
    bool
        Not if the loss, its scale or the number of galaxies that are contrasted differ.
    """
    shaping = {"model.logit_scale", "train.loss", "train.learnable_scale", "train.batch_size"}
    return shaping.isdisjoint(differences(base, changed))
