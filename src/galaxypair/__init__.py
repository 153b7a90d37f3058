"""Pair galaxy images with spectra: one embedding space, from raw survey files to figures."""

import importlib

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # on demand: PyTorch takes seconds, and most stages do without
    if name == "Model":
        return importlib.import_module("galaxypair.model").PairModel
    raise AttributeError(f"module 'galaxypair' has no attribute {name!r}")
