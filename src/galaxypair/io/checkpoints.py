"""Weights: checkpoints of PyTorch, read without running anything that is pickled in them, and safetensors."""

import pickle
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from galaxypair.errors import DataError
from galaxypair.io.files import atomic_path


def write_weights(state: dict[str, Tensor], path: Path) -> None:
    """Write weights as safetensors.

    Parameters
    ----------
    state : dict of str to Tensor
    path : Path
    """
    with atomic_path(path) as part:
        save_file({key: value.detach().cpu().contiguous() for key, value in state.items()}, part)


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


def read_checkpoint(path: Path) -> Any:
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
            f"`{path}`: is a pointer of Git LFS, not the checkpoint itself. Run `git lfs pull` in its folder."
        )
    # checkpoints are zip archives since PyTorch 1.6; the index of one is at its end
    if not zipfile.is_zipfile(path):
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
