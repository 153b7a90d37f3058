"""Published checkpoints: renamed to our modules, and loaded only if every weight fits."""

import logging
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from galaxypair import pretrained
from galaxypair.encoders.base import Encoder, ReadingEncoder, misfit
from galaxypair.encoders.resnet import N_PROJECTION, N_TRUNK, mlp
from galaxypair.errors import DataError
from galaxypair.frozen import frozen_modalities
from galaxypair.io.checkpoints import read_checkpoint
from galaxypair.tables import MODALITIES

logger = logging.getLogger(__name__)


def _tensors(found: Any, path: Path, wanted: str) -> dict[str, Tensor]:
    """Pick the tensors of a state dict."""
    if isinstance(found, Mapping):
        state = {
            key: value for key, value in found.items() if isinstance(key, str) and torch.is_tensor(value)
        }
        if state:
            return state
    raise DataError(
        f"`{path}`: is a PyTorch file, but holds no weights where {wanted} has them. Check that it is that "
        "file."
    )


def _section(checkpoint: Any, name: str) -> Any:
    """Take a part of a checkpoint, or all of it if it is a bare state dict."""
    return checkpoint[name] if isinstance(checkpoint, Mapping) and name in checkpoint else checkpoint


def _take(state: dict[str, Tensor], prefixes: dict[str, str], path: Path) -> dict[str, Tensor]:
    """Rename the weights under the given prefixes; what is left out is named in the log."""
    taken, ignored = {}, []
    for key, value in state.items():
        prefix = next((p for p in prefixes if key.startswith(p)), None)
        if prefix is None:
            ignored.append(key)
        else:
            taken[prefixes[prefix] + key.removeprefix(prefix)] = value
    if ignored:
        counts = Counter(key.partition(".")[0] for key in ignored)
        named = ", ".join(f"{name} ({n})" for name, n in counts.items())
        logger.info("`%s`: entries that the model does not need are ignored: %s", path, named)
    return taken


def read_stein(path: Path) -> dict[str, Tensor]:
    """Read the image encoder of Stein et al.

    Parameters
    ----------
    path : Path
        Lightning checkpoint `resnet50.ckpt` (weights `encoder_q.*`), or a bare state dict of the encoder.

    Returns
    -------
    dict of str to Tensor
        For `SteinResNet50` with its projection `fc`; the momentum encoder and the queue of the training
        are left out.
    """
    state = _tensors(_section(read_checkpoint(path), "state_dict"), path, "the image encoder of Stein et al.")
    if any(key.startswith("encoder_q.") for key in state):
        state = _take(state, {"encoder_q.": ""}, path)
    # without this, weights of any ResNet-50 would pass for theirs where the projection is not needed
    with torch.device("meta"):
        head = mlp(N_TRUNK, N_PROJECTION)
    found = {key.removeprefix("fc."): value for key, value in state.items() if key.startswith("fc.")}
    if difference := misfit(head, found):
        raise DataError(
            f"`{path}`: is not the image encoder of Stein et al. Its contrastive head `fc` {difference}. "
            "Fetch the published `resnet50.ckpt`."
        )
    return state


def read_spender(path: Path) -> dict[str, Tensor]:
    """Read the convolutions of spender's spectrum encoder.

    Parameters
    ----------
    path : Path
        Checkpoint of a whole autoencoder with the weights under `model` (a dict, or a list that starts
        with it), or a bare state dict of autoencoder or encoder.

    Returns
    -------
    dict of str to Tensor
        For `SpenderEncoder`; the MLP to the latents, the decoder and the instrument are left out.
    """
    found = _section(read_checkpoint(path), "model")
    found = found[0] if isinstance(found, list | tuple) and found else found
    state = _tensors(found, path, "the spectrum encoder of spender")
    prefix = "encoder." if any(key.startswith("encoder.") for key in state) else ""
    return _take(state, {f"{prefix}conv{i}.": f"conv{i}." for i in (1, 2, 3)}, path)


def read_rep(path: Path) -> dict[str, Tensor]:
    """Read both towers of the reproduction of AstroCLIP (av1518).

    Parameters
    ----------
    path : Path
        Lightning checkpoint: `image_encoder.backbone.*` is a ResNet-50 with the head `fc`,
        `spectrum_encoder.spec_encoder.*` spender's encoder with the head `mlp.additional_layers`.

    Returns
    -------
    dict of str to Tensor
        For a `PairModel` of these encoders with the heads `mlp` and `prelu_mlp`.
    """
    state = _tensors(_section(read_checkpoint(path), "state_dict"), path, "the reproduction of AstroCLIP")
    image, spectrum = "image_encoder.backbone.", "spectrum_encoder.spec_encoder."
    renamed = {
        f"{image}fc.": "heads.image.",
        image: "encoders.image.",
        f"{spectrum}mlp.additional_layers.": "heads.spectrum.",
        **{f"{spectrum}conv{i}.": f"encoders.spectrum.conv{i}." for i in (1, 2, 3)},
    }
    return _take(state, renamed, path)


def _unchunked(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name blocks `blocks.7.` that DINOv2 trained in chunks, `blocks.1.7.`; the 7 counts over all."""
    return {re.sub(r"(\bblocks)\.\d+\.(\d+)\.", r"\1.\2.", key): value for key, value in state.items()}


def read_astrodino(path: Path) -> dict[str, Tensor]:
    """Read the image encoder of AstroCLIP.

    Parameters
    ----------
    path : Path
        Checkpoint of DINOv2: the weights `backbone.*` under `teacher`, or `teacher.backbone.*` under
        `model`, or a bare state dict of the backbone.

    Returns
    -------
    dict of str to Tensor
        For `AstroDINO`; the student and the heads of the training are left out.
    """
    found = _section(_section(read_checkpoint(path), "teacher"), "model")
    state = _tensors(found, path, "the image encoder of AstroCLIP")
    prefixes = ("teacher.backbone.", "backbone.")
    prefix = next((p for p in prefixes if any(key.startswith(p) for key in state)), "")
    return _unchunked(_take(state, {prefix: ""}, path))


def read_specformer(path: Path) -> dict[str, Tensor]:
    """Read the spectrum encoder of AstroCLIP.

    Parameters
    ----------
    path : Path
        Lightning checkpoint, or a bare state dict.

    Returns
    -------
    dict of str to Tensor
        For `Specformer`.
    """
    return _tensors(_section(read_checkpoint(path), "state_dict"), path, "the spectrum encoder of AstroCLIP")


def read_astroclip_v2(path: Path) -> dict[str, Tensor]:
    """Read both towers of the second version of AstroCLIP (Polymathic AI).

    Parameters
    ----------
    path : Path
        Lightning checkpoint: for each modality `{modality}_encoder.backbone.*` is the encoder,
        `{modality}_encoder.cross_attention.*` and `{modality}_encoder.mlp.*` are its head.

    Returns
    -------
    dict of str to Tensor
        For a `PairModel` of `AstroDINO` and `Specformer` with heads of cross-attention.
    """
    state = _tensors(_section(read_checkpoint(path), "state_dict"), path, "AstroCLIP")
    renamed = {}
    for modality in MODALITIES:
        renamed[f"{modality}_encoder.backbone."] = f"encoders.{modality}."
        for part in ("cross_attention", "mlp"):
            renamed[f"{modality}_encoder.{part}."] = f"heads.{modality}.{part}."
    return _unchunked(_take(state, renamed, path))


ENCODERS = {
    "stein_resnet50": read_stein,
    "spender": read_spender,
    "astrodino": read_astrodino,
    "specformer": read_specformer,
}
LAYOUTS = {"rep": read_rep, "astroclip_v2": read_astroclip_v2}  # by `model.checkpoint_layout`


def _read_encoder(name: str, path: Path) -> dict[str, Tensor]:
    if path.suffix == pretrained.SUFFIX:
        return pretrained.read(path, name)
    return ENCODERS[name](path)


def load_encoder(encoder: Encoder, name: str, path: Path) -> None:
    """Put published or pretrained weights into an encoder.

    Parameters
    ----------
    encoder : Encoder
    name : {"compact", "stein_resnet50", "spender", "astrodino", "specformer"}
        As in `model.image.encoder` or `model.spectrum.encoder`.
    path : Path

    Raises
    ------
    DataError
        If the file cannot be read, or holds another network.
    """
    state = _read_encoder(name, path)
    if path.suffix == pretrained.SUFFIX:
        pretrained.check_input(encoder, path)
    if not any(key.startswith("fc.") for key in encoder.state_dict()):
        state = {key: value for key, value in state.items() if not key.startswith("fc.")}
    load_strictly(encoder, state, path)


def load_published(made: nn.Module, settings: dict, weights: Mapping[str, Path]) -> None:
    """Put published or pretrained weights into a model's encoders, and where asked into the image head.

    Parameters
    ----------
    made : PairModel
    settings : dict
        Section `model` of the config.
    weights : mapping of {"image", "spectrum"} to Path
        Files of the encoders that have published or pretrained weights.

    Raises
    ------
    DataError
        If a file cannot be read, or holds another network.
    """
    kept = frozen_modalities(settings)
    for modality, path in weights.items():
        encoder = made.encoders[modality]
        load_encoder(encoder, settings[modality]["encoder"], path)
        if modality not in kept and isinstance(encoder, ReadingEncoder):
            encoder.forget()  # its readout does not follow what training makes of the features
    if settings["image"].get("head_init") == "published":
        state = _read_encoder("stein_resnet50", weights["image"])
        head = {key.removeprefix("fc."): value for key, value in state.items() if key.startswith("fc.")}
        load_strictly(made.heads["image"], head, weights["image"])


def load_strictly(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Put weights into a module, if every name and every shape fits.

    Parameters
    ----------
    module : nn.Module
    state : dict of str to Tensor
    path : Path
        Where the weights are from, for the message.

    Raises
    ------
    DataError
        Naming the first weight that does not fit and the number of others.
    """
    if difference := misfit(module, state):
        raise DataError(
            f"`{path}`: {difference}. It holds another architecture than the sections `model.image`, "
            "`model.spectrum` and `model.prelu_mlp` of the config describe: check that it is the published "
            "file, or set them as it was trained."
        )
    module.load_state_dict(state)
