"""The model that comes with the repository: how it is packed, and what is recorded of it."""

import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from galaxypair import __version__, io

MOST_BYTES = 5_000_000  # of the whole folder, which every clone of the repository holds


def in_half(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round weights to half precision, for files of half the size.

    Parameters
    ----------
    state : mapping of str to Tensor

    Returns
    -------
    dict of str to Tensor
        Floats in float16; loading brings them back to float32.

    Raises
    ------
    ValueError
        If a weight is too large for it.
    """
    made = {key: v.half() if v.is_floating_point() else v for key, v in state.items()}
    for key, value in made.items():
        if bool(torch.isinf(value).any()):
            raise ValueError(f"the weight {key} does not fit into half precision")
    return made


def record(
    files: Mapping[str, Path], code: list[Path], settings: dict, metrics: Mapping[str, pd.DataFrame]
) -> dict:
    """Tell what a starter model was made of, so that it can be made and checked again.

    Parameters
    ----------
    files : mapping of str to Path
        By their names in the folder.
    code : list of Path
        Modules that define what the weights are.
    settings : dict
        Sections of the config that do.
    metrics : mapping of str to pandas.DataFrame
        Columns `tables.METRIC_COLUMNS`, of the test split of the run that made it.

    Returns
    -------
    dict
        `sha256` of each file, `code` (sha256 of each module), `settings`, `metrics` as lists of rows,
        `versions`.
    """
    return {
        "sha256": {name: io.sha256(path) for name, path in sorted(files.items())},
        "bytes": sum(path.stat().st_size for path in files.values()),
        "code": {f"{path.parent.name}/{path.name}": io.sha256(path) for path in sorted(code)},
        "settings": settings,
        "metrics": {name: _rows(table) for name, table in metrics.items()},
        "versions": {
            "galaxypair": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def _rows(table: pd.DataFrame) -> list[dict]:
    return table.astype(object).where(table.notna(), None).to_dict("records")
