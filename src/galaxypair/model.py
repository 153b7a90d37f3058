"""Two towers, an encoder and a projection head each, that meet in one embedding space."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from galaxypair import io
from galaxypair.encoders.base import Encoder
from galaxypair.encoders.compact import CompactImageEncoder, CompactSpectrumEncoder
from galaxypair.errors import WeightsError

IMAGE_ENCODERS = {"compact": CompactImageEncoder}
SPECTRUM_ENCODERS = {"compact": CompactSpectrumEncoder}


class PairModel(nn.Module):
    """Embed images and spectra in one space.

    Parameters
    ----------
    image_encoder, spectrum_encoder : Encoder
    embedding_dim : int

    Notes
    -----
    The heads are linear, without activation or dropout on their output (the reproduction has both
    there, also when it embeds).
    """

    def __init__(self, image_encoder: Encoder, spectrum_encoder: Encoder, embedding_dim: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({"image": image_encoder, "spectrum": spectrum_encoder})
        self.heads = nn.ModuleDict(
            {m: nn.Linear(encoder.n_features, embedding_dim) for m, encoder in self.encoders.items()}
        )

    def embed(self, modality: str, raw: Tensor) -> Tensor:
        """Compute raw (not normalised) embeddings.

        Parameters
        ----------
        modality : {"image", "spectrum"}
        raw : Tensor of shape (n, 3, h, w) [nanomaggies / pixel] or (n, 7781) [1e-17 erg / s / cm2 / Angstrom]

        Returns
        -------
        Tensor of shape (n, embedding_dim)
        """
        return self.heads[modality](self.encoders[modality](raw))


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
    image = {k: v for k, v in settings["image"].items() if k != "encoder"}
    spectrum = {k: v for k, v in settings["spectrum"].items() if k != "encoder"}
    return PairModel(
        IMAGE_ENCODERS[settings["image"]["encoder"]](**image),
        SPECTRUM_ENCODERS[settings["spectrum"]["encoder"]](**spectrum),
        settings["embedding_dim"],
    )


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
        model = build(json.loads(config.read_text(encoding="utf-8"))["model"])
        state = load_file(weights)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise WeightsError(
            f"`{folder}`: `model.safetensors` or `config.json` cannot be read ({err}). Train again: "
            "the command that made it, with `--forcerun train` added."
        ) from err
    wanted = model.state_dict()
    for key, value in wanted.items():
        if key not in state:
            raise WeightsError(f"`{weights}`: lacks `{key}`, which `{config}` promises. Train again.")
        if state[key].shape != value.shape:
            raise WeightsError(
                f"`{weights}`: `{key}` has shape {tuple(state[key].shape)}, but `{config}` promises "
                f"{tuple(value.shape)}. The two files do not belong together: train again."
            )
    extra = sorted(set(state) - set(wanted))
    if extra:
        raise WeightsError(f"`{weights}`: holds `{extra[0]}`, unknown to `{config}`. Train again.")
    model.load_state_dict(state)
    return model.eval()


def n_parameters(model: nn.Module) -> int:
    """Count trainable numbers.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    int
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


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
