"""Published checkpoints: read without running anything that is pickled in them, renamed, loaded strictly."""

import logging
import pickle
import types
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from galaxypair.encoders.base import misfit
from galaxypair.errors import DataError

logger = logging.getLogger(__name__)


class _Placeholder:
    """Stands for any object of a foreign class: takes whatever a pickle does to it, and does nothing."""

    def __new__(cls, *_: object, **__: object) -> "_Placeholder":
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None: ...

    def __call__(self, *_: object, **__: object) -> "_Placeholder":
        return self

    def __setstate__(self, state: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None: ...

    def append(self, item: object) -> None: ...

    def extend(self, items: object) -> None: ...

    def add(self, item: object) -> None: ...


class _Maker:
    """A function that a pickle may call but not touch: its attributes are out of reach."""

    __slots__ = ("_function",)

    def __init__(self, function: Any) -> None:
        self._function = function

    def __call__(self, *args: object) -> object:
        return self._function(*args)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("the pickle tries to change a function")


_MAKERS = {
    ("collections", "OrderedDict"): _Maker(OrderedDict),
    ("torch._utils", "_rebuild_tensor_v2"): _Maker(torch._utils._rebuild_tensor_v2),
    ("torch._utils", "_rebuild_parameter"): _Maker(torch._utils._rebuild_parameter),
}


class _WeightsUnpickler(pickle.Unpickler):
    """Makes tensors, dictionaries, lists and numbers; nothing is imported by name, nothing else is called."""

    def find_class(self, module: str, name: str) -> Any:
        return _MAKERS.get((module, name), _Placeholder)


# what `torch.load` takes for the pickle module
_PICKLE = types.SimpleNamespace(Unpickler=_WeightsUnpickler, __name__="weights")


def read(path: Path) -> Any:
    """Read a checkpoint of PyTorch or Lightning; tensors come back, other objects as placeholders.

    Parameters
    ----------
    path : Path

    Returns
    -------
    object
        Tensors, dicts, lists, tuples, numbers, text. The tensors are mapped from the file, not read.

    Raises
    ------
    DataError
        If the file is missing, damaged or no checkpoint.

    Notes
    -----
    A pickle may call any function of any module. Lightning's checkpoints need an own reader because
    they hold more than tensors: the published ones even whole modules among the hyperparameters,
    which only the original's (uninstallable) environment could import.
    """
    if not path.is_file():
        raise DataError(f"`{path}`: no such file. Check the path in the config.")
    with path.open("rb") as file:
        start = file.read(64)
    if start.lstrip().startswith(b"<"):
        raise DataError(
            f"`{path}`: is a web page, not a checkpoint: the server sent a message instead of the file. Open "
            "the address in a browser, and fetch the file again."
        )
    if start.startswith(b"version https://git-lfs"):
        raise DataError(
            f"`{path}`: is a pointer of Git LFS, not the checkpoint itself: run `git lfs pull` where it is from."
        )
    if not zipfile.is_zipfile(path):  # all of PyTorch 1.6 and later are; the index of a zip file is at its end
        raise DataError(
            f"`{path}`: is no PyTorch checkpoint, or not all of it. Compare its size with the published one, "
            "and fetch it again."
        )
    try:
        try:
            return torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        except pickle.UnpicklingError:
            # holds more than tensors; TorchScript, which would be run, was refused by the line above
            return torch.load(path, map_location="cpu", mmap=True, weights_only=False, pickle_module=_PICKLE)
    except Exception as err:  # a damaged pickle may raise anything
        raise DataError(
            f"`{path}`: cannot be read as a PyTorch checkpoint ({type(err).__name__}: "
            f"{str(err).partition(chr(10))[0][:200]}). It is damaged or something else: compare its "
            "checksum with the published one, and fetch it again."
        ) from err


def _tensors(found: Any, path: Path, wanted: str) -> dict[str, Tensor]:
    """The tensors of a state dict."""
    if isinstance(found, Mapping):
        state = {key: value for key, value in found.items() if isinstance(key, str) and torch.is_tensor(value)}
        if state:
            return state
    raise DataError(
        f"`{path}`: is a PyTorch file, but holds no weights where {wanted} has them. Check that it is that "
        "file."
    )


def _section(checkpoint: Any, name: str) -> Any:
    """A part of a checkpoint, or all of it if it is a bare state dict."""
    return checkpoint[name] if isinstance(checkpoint, Mapping) and name in checkpoint else checkpoint


def _take(state: dict[str, Tensor], prefixes: dict[str, str], path: Path) -> dict[str, Tensor]:
    """Weights under the given prefixes, renamed; what is left out is named in the log."""
    taken, ignored = {}, []
    for key, value in state.items():
        prefix = next((p for p in prefixes if key.startswith(p)), None)
        if prefix is None:
            ignored.append(key)
        else:
            taken[prefixes[prefix] + key.removeprefix(prefix)] = value
    _log_ignored(ignored, path)
    return taken


def _log_ignored(keys: list[str], path: Path) -> None:
    if keys:
        groups = OrderedDict.fromkeys(key.partition(".")[0] for key in keys)
        logger.info("`%s`: %d entries ignored: %s", path, len(keys), ", ".join(groups))


def read_stein(path: Path, *, projection: bool) -> dict[str, Tensor]:
    """Read the image encoder of Stein et al.

    Parameters
    ----------
    path : Path
        Lightning checkpoint `resnet50.ckpt` (weights `encoder_q.*`), or a bare state dict of the encoder.
    projection : bool
        Whether to keep the contrastive head, `fc`.

    Returns
    -------
    dict of str to Tensor
        For `SteinResNet50`; the momentum encoder and the queue of the training are left out.
    """
    state = _tensors(_section(read(path), "state_dict"), path, "the image encoder of Stein et al.")
    if any(key.startswith("encoder_q.") for key in state):
        state = _take(state, {"encoder_q.": ""}, path)
    return state if projection else {k: v for k, v in state.items() if not k.startswith("fc.")}


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
    found = _section(read(path), "model")
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
    state = _tensors(_section(read(path), "state_dict"), path, "the reproduction of AstroCLIP")
    image, spectrum = "image_encoder.backbone.", "spectrum_encoder.spec_encoder."
    renamed = {
        f"{image}fc.": "heads.image.",
        image: "encoders.image.",
        f"{spectrum}mlp.additional_layers.": "heads.spectrum.",
        **{f"{spectrum}conv{i}.": f"encoders.spectrum.conv{i}." for i in (1, 2, 3)},
    }
    return _take(state, renamed, path)


READERS = {"rep": read_rep}  # of whole models, by `model.checkpoint_layout`


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
