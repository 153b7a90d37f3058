"""AION-1 as a frozen encoder of either modality, by the package that its authors publish."""

import importlib
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from galaxypair import images, spectra, tables
from galaxypair.encoders.base import Encoder
from galaxypair.errors import ConfigError

WEIGHTS = "polymathic-ai/aion-base"  # on the Hugging Face hub; the tokenisers lie there too
CROP_PX = 96
BANDS = ["DES-G", "DES-R", "DES-Z"]


class _Aion(Encoder):
    """What both modalities share: tokeniser, transformer, and where they are kept.

    Notes
    -----
    The network never learns here, so that it is no part of this module: an exported model holds the
    head alone, and AION's weights come from the hub, or from its cache, when they are first needed.
    """

    n_features = 768
    rows_at_once = 16

    def __init__(self, output: str = "tokens") -> None:
        super().__init__()
        self.tokens = output == "tokens"
        self._loaded: dict[torch.device, tuple[Any, Any]] = {}  # a dict, so that torch does not adopt them

    @abstractmethod
    def _modality(self, prepared: Tensor) -> Any:
        """Dress what `prepare` gives as AION's own class of data."""

    def encode(self, *prepared: Tensor) -> Tensor:
        """Compute features of shape (n, tokens, 768) or (n, 768), in full precision and without gradients."""
        (data,) = prepared
        if data.device not in self._loaded:
            self._loaded[data.device] = load(data.device)
        network, codecs = self._loaded[data.device]
        features = []
        with torch.no_grad(), torch.autocast(data.device.type, enabled=False):
            for block in data.split(self.rows_at_once):
                modality = self._modality(block)
                # otherwise 256, and the rest of the tokens would not be read
                found = network.encode(codecs.encode(modality), num_encoder_tokens=modality.num_tokens)
                features.append(found if self.tokens else found.mean(1))
        return torch.cat(features)


class AionImageEncoder(_Aion):
    """AION-1's embedding of an image: 576 tokens.

    Parameters
    ----------
    crop_px : int, default=96
        Side of the central square that is looked at; its tokeniser knows no other.
    output : {"tokens", "mean"}, default="tokens"
        All token embeddings, for heads with cross-attention, or their mean.

    Notes
    -----
    It was trained on the bands g, r, i, z of the Legacy Surveys DR10. Its tokeniser takes a part of
    them; how much is lost without i has not been measured.

    References
    ----------
    Parker et al. 2025, arXiv:2510.17960; package `polymathic-aion` 0.0.2.
    """

    def __init__(self, crop_px: int = CROP_PX, output: str = "tokens") -> None:
        super().__init__(output)
        self.crop_px = crop_px
        if crop_px != CROP_PX:
            raise ConfigError(
                f"`model.image.crop_px` is {crop_px}, but the encoder aion looks at {CROP_PX} pixels and at "
                "no other number; set it so."
            )

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Crop and turn upright; AION stretches by itself."""
        return (images.center_crop(raw, CROP_PX).transpose(-2, -1),)

    def _modality(self, prepared: Tensor) -> Any:
        # a copy: its tokeniser clips in place
        return _module("aion.modalities").LegacySurveyImage(flux=prepared.clone(), bands=list(BANDS))


class AionSpectrumEncoder(_Aion):
    """AION-1's embedding of a spectrum: 273 tokens.

    Parameters
    ----------
    output : {"tokens", "mean"}, default="tokens"
        All token embeddings, for heads with cross-attention, or their mean.

    Notes
    -----
    It wants the inverse variance of each bin, which the joint file lacks: one noise for the whole
    spectrum, from the differences of neighbouring bins, stands in for it.

    References
    ----------
    Parker et al. 2025, arXiv:2510.17960; package `polymathic-aion` 0.0.2.
    """

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Limit the flux; AION normalises by itself."""
        return (raw.clamp(-spectra.FLUX_LIMIT, spectra.FLUX_LIMIT),)

    def _modality(self, prepared: Tensor) -> Any:
        data = prepared != 0
        ivar = spectra.white_noise(prepared).pow(-2) * data
        wavelength = torch.linspace(
            tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, prepared.shape[1], device=prepared.device
        )
        return _module("aion.modalities").DESISpectrum(
            flux=prepared, ivar=ivar, mask=~data, wavelength=wavelength.expand_as(prepared).contiguous()
        )


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as err:
        raise ConfigError(
            f"The encoder aion needs the package polymathic-aion, which cannot be imported ({err}). "
            "Install it into the environment that runs the rule (`pip install polymathic-aion`), or choose "
            "another encoder in `model.image.encoder` and `model.spectrum.encoder`."
        ) from err


def load(device: torch.device) -> tuple[Any, Any]:
    """Load the network and its tokenisers.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    network : aion.AION
        In evaluation mode.
    codecs : aion.codecs.CodecManager

    Raises
    ------
    ConfigError
        If the package is not installed, or its weights cannot be had.
    """
    package, tokenisers = _module("aion"), _module("aion.codecs")
    try:
        network = package.AION.from_pretrained(WEIGHTS)
    except (OSError, ValueError) as err:
        raise ConfigError(
            f"The weights `{WEIGHTS}` of the encoder aion cannot be had ({err}). They come from the Hugging "
            "Face hub: check the network, accept their terms there if it asks for it, and log in (`hf auth "
            "login`)."
        ) from err
    return network.to(device).eval(), tokenisers.CodecManager(device=device)
