"""What a model is made of, layer by layer, as its own forward pass tells."""

from collections import Counter
from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor, nn

from galaxypair import tables
from galaxypair.encoders.base import Encoder
from galaxypair.model import PairModel, n_parameters

CONTAINERS = (Encoder, nn.Sequential, nn.ModuleList, nn.ModuleDict)
# do not change what is looked at; their few parameters count with the layer before
PASSED_OVER = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm1d, nn.LayerNorm, nn.Dropout, nn.Identity, nn.Flatten,
)  # fmt: skip
ACTIVATIONS = (nn.ReLU, nn.PReLU, nn.GELU, nn.SiLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.Softmax)
MAIN_SHARE = 0.5  # a part that holds more of a tower's parameters than this is looked into
EXAMPLE_Z = 0.1  # for preprocessing that needs a redshift


def table(model: PairModel) -> pd.DataFrame:
    """List the layers of both towers in the order in which they run.

    Parameters
    ----------
    model : PairModel

    Returns
    -------
    pandas.DataFrame
        `tables.LAYER_COLUMNS`. Alike neighbours, such as the blocks of a transformer, share a row. The
        parameters add up to those of the model.
    """
    rows = [row for modality in tables.MODALITIES for row in _tower(model, modality)]
    return pd.DataFrame(rows, columns=list(tables.LAYER_COLUMNS))


def _tower(model: PairModel, modality: str) -> Iterator[tuple]:
    sizes = {"image": (3, tables.IMAGE_PX, tables.IMAGE_PX), "spectrum": (tables.N_WAVELENGTH,)}
    raw = 1 + torch.rand(2, *sizes[modality], generator=torch.Generator().manual_seed(0))
    parts = {"encoder": model.encoders[modality], "head": model.heads[modality]}
    seen: list[tuple[str, nn.Module, str]] = []
    hooks = [
        block.register_forward_hook(lambda m, _, out, part=part: seen.append((part, m, _shape(out))))
        for part, module in parts.items()
        for block in _blocks(module, n_parameters(module))
    ]
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval().embed(modality, raw, torch.full((2,), EXAMPLE_Z))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    for part, module in parts.items():
        rows = _merged([(m, shape) for p, m, shape in seen if p == part])
        missing = n_parameters(module) - sum(row[3] for row in rows)
        if missing:  # parameters that belong to no block, such as position embeddings
            rows.append(("Parameter", 1, "", missing))
        yield from ((modality, part, *row) for row in rows)


def _blocks(module: nn.Module, total: int, *, one_of_many: bool = False) -> Iterator[nn.Module]:
    """Walk down to what a reader would call a layer or a block."""
    children = list(module.children())
    size = n_parameters(module)
    own = sum(p.numel() for p in module.parameters(recurse=False))
    main = size > MAIN_SHARE * total and own < size / 10 and not one_of_many
    if children and (isinstance(module, CONTAINERS) or main):
        kinds = Counter(type(child) for child in children)
        for child in children:
            yield from _blocks(child, total, one_of_many=kinds[type(child)] > 1)
    else:
        yield module


def _shape(out: Tensor | tuple) -> str:
    first = out if isinstance(out, Tensor) else out[0]
    return " × ".join(str(n) for n in first.shape[1:] if n != 1) or "1"


def _merged(seen: list[tuple[nn.Module, str]]) -> list[tuple[str, int, str, int]]:
    rows: list[list] = []
    for module, shape in seen:
        count = n_parameters(module)
        if isinstance(module, PASSED_OVER + ACTIVATIONS) and rows:
            rows[-1][3] += count
            continue
        name = type(module).__name__.lstrip("_")
        if rows and (rows[-1][0], rows[-1][2]) == (name, shape) and not isinstance(module, nn.Linear):
            rows[-1][1] += 1
            rows[-1][3] += count
        else:
            rows.append([name, 1, shape, count])
    return [tuple(row) for row in rows]
