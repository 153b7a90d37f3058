"""Which encoders a training leaves as they are."""

from galaxypair import tables


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
        return part["encoder"] != "compact" if frozen == "auto" else frozen

    return [modality for modality in tables.MODALITIES if is_frozen(settings[modality])]
