"""Two towers, an encoder and a projection head each, that meet in one embedding space."""

import json
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from galaxypair import heads, images, tables
from galaxypair.encoders.base import Encoder, misfit
from galaxypair.encoders.registry import build_encoder
from galaxypair.errors import WeightsError
from galaxypair.io.checkpoints import write_weights


class PairModel(nn.Module):
    """Embed images and spectra in one space.

    Parameters
    ----------
    image_encoder, spectrum_encoder : Encoder
    image_head, spectrum_head : nn.Module
        From features to embeddings: see `heads`.
    embedding_dim : int
    """

    def __init__(
        self,
        image_encoder: Encoder,
        spectrum_encoder: Encoder,
        image_head: nn.Module,
        spectrum_head: nn.Module,
        embedding_dim: int,
    ) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.encoders = nn.ModuleDict({"image": image_encoder, "spectrum": spectrum_encoder})
        self.heads = nn.ModuleDict({"image": image_head, "spectrum": spectrum_head})
        self._frozen: tuple[str, ...] = ()

    def freeze(self, modalities: Iterable[str]) -> None:
        """Keep encoders as they are, whatever a training does: weights, BatchNorm statistics, no dropout.

        Parameters
        ----------
        modalities : iterable of {"image", "spectrum"}
        """
        self._frozen = tuple(modalities)
        for modality in self._frozen:
            self.encoders[modality].requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "PairModel":
        """Set the mode of all but the frozen encoders, which stay in evaluation mode."""
        super().train(mode)
        for modality in self._frozen:
            self.encoders[modality].eval()
        return self

    def embed(self, modality: str, raw: Tensor, z: Tensor | None = None) -> Tensor:
        """Compute raw (not normalised) embeddings.

        Parameters
        ----------
        modality : {"image", "spectrum"}
        raw : Tensor of shape (n, 3, h, w) [nanomaggies / pixel] or (n, 7781) [1e-17 erg / s / cm2 / Angstrom]
        z : Tensor of shape (n,), optional
            Redshifts, NaN where unknown: only preprocessing that needs them looks at them.

        Returns
        -------
        Tensor of shape (n, embedding_dim)
        """
        encoder, head = self.encoders[modality], self.heads[modality]
        if self.training or not encoder.tokens:
            return head(encoder(raw, z))
        # tokens of a whole batch would be gigabytes: each block goes on to the head at once
        rows = encoder.rows_at_once
        redshifts = repeat(None) if z is None else z.split(rows)
        return torch.cat([head(encoder(*block)) for block in zip(raw.split(rows), redshifts, strict=False)])

    @classmethod
    def from_pretrained(cls, folder: Path | str) -> "PairModel":
        """Load an exported model, checked key by key and shape by shape, in evaluation mode.

        Parameters
        ----------
        folder : Path or str
            With `model.safetensors` and `config.json`.

        Returns
        -------
        PairModel

        Raises
        ------
        WeightsError
            If a file is missing or a weight is not what the configuration promises.
        """
        return _load(Path(folder))

    @torch.inference_mode()
    def embed_arrays(
        self,
        image: np.ndarray | None = None,
        spectrum: np.ndarray | None = None,
        z: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """Embed a batch of galaxies as the files hold them.

        Parameters
        ----------
        image : ndarray of shape (n, h, w, 3), optional [nanomaggies / pixel]
            Bands g, r, z at 0.262 arcsec per pixel.
        spectrum : ndarray of shape (n, 7781), optional [1e-17 erg / s / cm2 / Angstrom]
            Exactly 0 where there is no data.
        z : ndarray of shape (n,), optional
            Redshifts, for encoders whose preprocessing needs them.

        Returns
        -------
        dict of modality to ndarray of shape (n, embedding_dim), float32
            Of the modalities given; raw, not of unit length.
        """
        device = device_of(self)
        raw = {}
        if image is not None:
            raw["image"] = images.to_channels_first(torch.as_tensor(image, device=device))
        if spectrum is not None:
            raw["spectrum"] = torch.as_tensor(spectrum, device=device)
        redshifts = None if z is None else torch.as_tensor(z, device=device)
        return {m: self.embed(m, values, redshifts).float().cpu().numpy() for m, values in raw.items()}


def build(settings: dict) -> PairModel:
    """Make an untrained model.

    Parameters
    ----------
    settings : dict
        Section `model` of the config.

    Returns
    -------
    PairModel
    """
    parts, dim = [settings[modality] for modality in tables.MODALITIES], settings["embedding_dim"]
    encoders = [build_encoder(m, part) for m, part in zip(tables.MODALITIES, parts, strict=True)]
    made_heads = (
        heads.HEADS[part["head"]](encoder.n_features, dim, **settings.get(part["head"], {}))
        for part, encoder in zip(parts, encoders, strict=True)
    )
    return PairModel(*encoders, *made_heads, dim)


def build_empty(settings: dict) -> PairModel:
    """Make a model for weights that are to be loaded: its own are neither drawn nor zero, but arbitrary.

    Parameters
    ----------
    settings : dict
        Section `model` of the config.

    Returns
    -------
    PairModel

    Notes
    -----
    To draw the 370 million of AstroCLIP takes longer than to read them.
    """
    with torch.device("meta"):
        made = build(settings)
    return made.to_empty(device="cpu")


def save(model: PairModel, weights: Path) -> None:
    """Write the weights as safetensors.

    Parameters
    ----------
    model : PairModel
    weights : Path
    """
    write_weights(model.state_dict(), weights)


def n_parameters(model: nn.Module) -> int:
    """Count the parameters, those of frozen encoders too.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    int
    """
    return sum(p.numel() for p in model.parameters())


def device_of(model: nn.Module) -> torch.device:
    """Tell where a model's weights are.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    torch.device
    """
    return next(model.parameters()).device


def _load(folder: Path) -> PairModel:
    weights, config = folder / "model.safetensors", folder / "config.json"
    for path in (weights, config):
        if not path.exists():
            raise WeightsError(
                f"`{path}`: no such file. Train that model first (for the demo's: `make demo`), or "
                "name another run in the key `model.from_run`."
            )
    try:
        model = build_empty(json.loads(config.read_text(encoding="utf-8"))["model"])
        state = load_file(weights)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise WeightsError(
            f"`{folder}`: `model.safetensors` or `config.json` cannot be read ({err}). Train again: "
            "the command that made it, with `--forcerun train` added."
        ) from err
    if difference := misfit(model, state):
        raise WeightsError(
            f"`{weights}`: {difference}. `{config}` promises another model, so the two files do not belong "
            "together: train again."
        )
    model.load_state_dict(state)
    return model.eval()
