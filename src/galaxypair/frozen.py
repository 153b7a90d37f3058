"""Which encoders a training leaves as they are, and of which the features are stored."""

from galaxypair import tables

STARTER = "starter"  # in place of a run's name: the model that comes with the repository
PRETRAINABLE = {  # encoders that `pretrain` can train by themselves
    "image": ("compact", "stein_resnet50"),
    "spectrum": ("compact", "spender", "specformer"),
}


def starts_from(part: dict) -> str | bool:
    """Tell which pretrained weights an encoder starts from.

    Parameters
    ----------
    part : dict
        Section `model.image` or `model.spectrum` of the config.

    Returns
    -------
    str or bool
        Name of a run, `STARTER`, True for those that the run itself pretrains, or False: the starter is
        of the encoder compact alone, and others have published weights.
    """
    chosen = part.get("pretrained", False)
    return False if chosen == STARTER and part["encoder"] != "compact" else chosen


def frozen_modalities(settings: dict) -> list[str]:
    """Tell which encoders a training leaves as they are.

    Parameters
    ----------
    settings : dict
        Section `model` of the config.

    Returns
    -------
    list of {"image", "spectrum"}
    """

    def is_frozen(part: dict) -> bool:
        frozen = part.get("frozen", "auto")
        has_weights = part["encoder"] != "compact" or bool(starts_from(part))
        return has_weights if frozen == "auto" else frozen

    return [modality for modality in tables.MODALITIES if is_frozen(settings[modality])]


def cached_modalities(settings: dict) -> list[str]:
    """Tell of which encoders the features are computed once and stored.

    Parameters
    ----------
    settings : dict
        Section `model` of the config.

    Returns
    -------
    list of {"image", "spectrum"}
        The frozen ones, but for those that give tokens.

    Notes
    -----
    Tokens would all have to be in memory: those of one encoder of the published survey are 60 to 240 GB
    in float16. Encoders that give them run in every step.
    """

    def gives_tokens(part: dict) -> bool:
        return part[part["encoder"]].get("output") == "tokens"

    return [modality for modality in frozen_modalities(settings) if not gives_tokens(settings[modality])]
