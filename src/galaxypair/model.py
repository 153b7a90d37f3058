"""Two towers, an encoder and a projection head each, that meet in one embedding space."""

import json
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from galaxypair import heads, io, tables
from galaxypair.encoders.base import Encoder, misfit
from galaxypair.encoders.registry import build_encoder
from galaxypair.errors import WeightsError


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
    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    with io.atomic_path(weights) as part:
        save_file(state, part)


def load(folder: Path) -> PairModel:
    """Load an exported model, checked key by key and shape by shape, in evaluation mode.

    Parameters
    ----------
    folder : Path
        With `model.safetensors` and `config.json`.

    Returns
    -------
    PairModel

    Raises
    ------
    WeightsError
        If a file is missing or a weight is not what the configuration promises.
    """
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
