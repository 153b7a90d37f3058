"""Whether a run's model reads redshifts, as far as configurations tell before anything is made."""

from collections.abc import Mapping

from galaxypair import tables
from galaxypair.frozen import frozen_modalities

STARTER = "starter"  # name of the model that comes with the workflow
OBJECTIVE = "simulator_truth"  # the pretraining that gives an encoder its readout


def reads_redshifts(config: Mapping, borrowed: Mapping | None = None) -> bool:
    """Tell whether an encoder of the model that embeds carries a readout that holds.

    Parameters
    ----------
    config : mapping
        The configuration of the run.
    borrowed : mapping, optional
        `model/config.json` of the run that `model.from_run` names, if it is there.

    Returns
    -------
    bool
        False also of pretrained weights of another run, of which a configuration does not tell how they
        were made; the rule `readout` can be asked for all the same.
    """
    model = config["model"]
    if config["source"] == "embeddings" or model["from_checkpoint"]:
        return False
    if model["from_run"]:
        kept = borrowed["frozen"] if borrowed else []
        origins = borrowed["pretrained"] if borrowed else {}
        return model["from_run"] == STARTER or any(
            origins.get(m, {}).get("objective") == OBJECTIVE for m in kept
        )
    return any(
        _carries_readout(model[m]["pretrained"], config["pretrain"][m]["objective"], config["run"])
        for m in tables.MODALITIES
        if m in frozen_modalities(model)  # a readout does not follow an encoder that is trained on
    )


def _carries_readout(chosen: str | bool, objective: str, run: str) -> bool:
    return chosen == STARTER or (chosen in (True, run) and objective == OBJECTIVE)
