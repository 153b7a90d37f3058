"""Whether a run's model reads redshifts, as far as configurations tell before anything is made."""

from collections.abc import Callable, Mapping

from galaxypair.frozen import STARTER, frozen_modalities, starts_from

OBJECTIVE = "simulator_truth"  # the pretraining that gives an encoder its readout
EXPORTED = "simulator truth"  # the same in what is written beside the weights


def reads_redshifts(config: Mapping, described: Callable[[str], Mapping | None]) -> bool:
    """Tell whether an encoder of the model that embeds carries a readout that holds.

    Parameters
    ----------
    config : mapping
        The configuration of the run.
    described : callable
        Gives what `config.json` of another run's folder says, such as "demo/model" or "demo/pretrain/image";
        None if it is not there.

    Returns
    -------
    bool
    """
    model = config["model"]
    if config["source"] == "embeddings" or model["from_checkpoint"]:
        return False
    if run := model["from_run"]:
        told = described(f"{run}/model") or {"frozen": [], "pretrained": {}}
        return run == STARTER or any(_is_truth(told["pretrained"].get(m)) for m in told["frozen"])
    # a readout does not follow an encoder that is trained on
    return any(_carries_readout(config, m, described) for m in frozen_modalities(model))


def _carries_readout(config: Mapping, modality: str, described: Callable[[str], Mapping | None]) -> bool:
    chosen = starts_from(config["model"][modality])
    if chosen in (True, config["run"]):
        return config["pretrain"][modality]["objective"] == OBJECTIVE
    return bool(chosen) and (chosen == STARTER or _is_truth(described(f"{chosen}/pretrain/{modality}")))


def _is_truth(told: Mapping | None) -> bool:
    return told is not None and told.get("objective") == EXPORTED
