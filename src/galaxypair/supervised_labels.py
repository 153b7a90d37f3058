"""What supervised networks learn: properties in the order of the galaxies of a dataset."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from galaxypair import loaders
from galaxypair.errors import DataError
from galaxypair.properties import choose_targets, target_values


def labels(properties: pd.DataFrame, targets: Sequence[str] | None) -> pd.DataFrame:
    """Take the properties that a network learns.

    Parameters
    ----------
    properties : pandas.DataFrame
        `crossmatch/properties.parquet`.
    targets : sequence of str or None
        See `properties.choose_targets`.

    Returns
    -------
    pandas.DataFrame
        One column for each, by `targetid` as index; NaN where unknown.
    """
    names = choose_targets(properties, targets)
    values = {name: target_values(properties, name) for name in names}
    return pd.DataFrame(values, index=pd.Index(properties["targetid"]))


def split_labels(manifest: dict, split: str, modality: str, known: pd.DataFrame) -> Tensor:
    """Bring labels into the order of a split's dataset.

    Parameters
    ----------
    manifest : dict
    split : {"train", "val", "test"}
    modality : {"image", "spectrum"}
        That the galaxies of the dataset have.
    known : pandas.DataFrame
        From `labels`.

    Returns
    -------
    Tensor of shape (n, t), float32

    Raises
    ------
    DataError
        If a galaxy of the dataset is not among them.
    """
    dataset = loaders.ShardDataset(manifest, split, ["targetid"], needed=[modality])
    if not len(dataset):
        return torch.empty(0, known.shape[1])
    rows = known.index.get_indexer(dataset.__getitems__(np.arange(len(dataset)))["targetid"].numpy())
    if (rows < 0).any():
        raise DataError(
            f"{(rows < 0).sum():,} galaxies of the {split} split have no row in "
            "crossmatch/properties.parquet: it is of another dataset. Run the same command with "
            "`--forcerun crossmatch`."
        )
    return torch.from_numpy(known.to_numpy(np.float32)[rows])


def standard(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each property.

    Parameters
    ----------
    labels : Tensor of shape (n, t)
        NaN where unknown.

    Returns
    -------
    mean, scale : Tensor of shape (t,), float32
        0 and 1 of a property that no galaxy has; a scale of 1 of one that is constant.
    """
    known = labels.isfinite()
    count = known.sum(0).clamp(min=1)
    values = labels.double().nan_to_num()
    mean = values.sum(0) / count
    variance = (torch.where(known, values - mean, 0.0).square().sum(0) / count).float()
    return mean.float(), torch.where(variance > 0, variance.sqrt(), 1.0)
