"""Augmented views of galaxies, of whichever modality."""

from collections.abc import Mapping

import torch
from torch import Tensor

from galaxypair import images, spectra


def is_augmented(modality: str, settings: Mapping) -> bool:
    """Tell whether training changes a modality's data.

    Parameters
    ----------
    modality : {"image", "spectrum"}
    settings : mapping
        Section `train` of the config.

    Returns
    -------
    bool
    """
    return settings[f"{modality}_augmentations"]


def augment(
    modality: str, raw: Tensor, settings: Mapping, crop_px: int, generator: torch.Generator
) -> Tensor:
    """Change each galaxy by its own draw, if the settings ask for it.

    Parameters
    ----------
    modality : {"image", "spectrum"}
    raw : Tensor of shape (n, 3, h, w) or (n, 7781)
    settings : mapping
        Section `train` of the config.
    crop_px : int
        Side of augmented images.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor of shape (n, 3, crop_px, crop_px) or (n, 7781)
    """
    if not is_augmented(modality, settings):
        return raw
    if modality == "spectrum":
        return spectra.augment(raw, generator)
    if reach := settings["image_rotation_deg"]:
        return images.rotate(raw, crop_px, reach, generator)
    return images.augment(raw, crop_px, generator)
