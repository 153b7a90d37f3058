"""Encoders by the names that the config gives them."""

import torch

from galaxypair.encoders.aion import AionImageEncoder, AionSpectrumEncoder
from galaxypair.encoders.astrodino import AstroDINO
from galaxypair.encoders.base import Encoder
from galaxypair.encoders.compact import CompactImageEncoder, CompactSpectrumEncoder
from galaxypair.encoders.resnet import SteinResNet50
from galaxypair.encoders.specformer import Specformer
from galaxypair.encoders.spender import SpenderEncoder

IMAGE_ENCODERS = {
    "compact": CompactImageEncoder,
    "stein_resnet50": SteinResNet50,
    "astrodino": AstroDINO,
    "aion": AionImageEncoder,
}
SPECTRUM_ENCODERS = {
    "compact": CompactSpectrumEncoder,
    "spender": SpenderEncoder,
    "specformer": Specformer,
    "aion": AionSpectrumEncoder,
}


def build_encoder(modality: str, settings: dict) -> Encoder:
    """Make an untrained encoder.

    Parameters
    ----------
    modality : {"image", "spectrum"}
    settings : dict
        Section `model.image` or `model.spectrum` of the config.

    Returns
    -------
    Encoder
    """
    name = settings["encoder"]
    if modality == "image":
        return IMAGE_ENCODERS[name](crop_px=settings["crop_px"], **settings[name])
    return SPECTRUM_ENCODERS[name](**settings[name])


def build_empty(modality: str, settings: dict) -> Encoder:
    """Make an encoder for weights that are to be loaded: its own are neither drawn nor zero, but arbitrary.

    Parameters
    ----------
    modality : {"image", "spectrum"}
    settings : dict
        Section `model.image` or `model.spectrum` of the config.

    Returns
    -------
    Encoder
    """
    with torch.device("meta"):
        made = build_encoder(modality, settings)
    return made.to_empty(device="cpu")
