"""Redshifts and masses that encoders read off by themselves, without neighbours: shards in, tables out."""

import logging
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from galaxypair import images, redshift_bins, tables
from galaxypair.encoders.base import Encoder, ReadingEncoder
from galaxypair.errors import DataError
from galaxypair.model import PairModel, device_of
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)

COLUMNS = ("targetid", *tables.MODALITIES, *(f"has_{m}" for m in tables.MODALITIES))  # of the shards


def reading_encoders(model: PairModel) -> dict[str, ReadingEncoder]:
    """Find the encoders of a model that read redshifts.

    Parameters
    ----------
    model : PairModel

    Returns
    -------
    dict of modality to ReadingEncoder

    Raises
    ------
    DataError
        If there is none.
    """
    known = model.encoders.items()
    found = {m: encoder for m, encoder in known if isinstance(encoder, ReadingEncoder) and encoder.reads}
    if not found:
        raise DataError(
            "The model's encoders do not read redshifts: none of them was pretrained on a simulator's truth, "
            "or training has changed them since. Predict from neighbours (`metrics/predictions.csv`, "
            "`metrics/zeroshot.csv`), or pretrain with `objective: simulator_truth` and keep the encoders "
            "frozen (`docs/training.md`)."
        )
    return found


def read_batches(
    model: PairModel, batches: Iterable[dict[str, np.ndarray]], progress: Progress
) -> Iterator[pd.DataFrame]:
    """Read redshift, mass and confidence of galaxies that come batch by batch.

    Parameters
    ----------
    model : PairModel
        In evaluation mode.
    batches : iterable of dict of str to ndarray
        `COLUMNS`, as `io.iter_shards` gives them.
    progress : Progress

    Yields
    ------
    pandas.DataFrame
        `tables.READOUT_COLUMNS`; the first has no rows.

    Raises
    ------
    DataError
        If no encoder of the model reads.
    """
    encoders = reading_encoders(model)
    logger.info("read off the encoder of %s", " and ".join(encoders))
    yield pd.DataFrame(
        np.empty((0, len(tables.READOUT_COLUMNS)), "f4"), columns=tables.READOUT_COLUMNS
    ).astype({"targetid": "i8"})
    device = device_of(model)
    for batch in batches:
        yield read_batch(encoders, batch, device)
        progress.update(len(batch["targetid"]))
    logger.info("%s galaxies read", f"{progress.done:,}")


@torch.inference_mode()
def read_batch(
    encoders: dict[str, ReadingEncoder], batch: dict[str, np.ndarray], device: torch.device
) -> pd.DataFrame:
    """Read some galaxies, each modality by itself and both together.

    Parameters
    ----------
    encoders : dict of modality to ReadingEncoder
        In evaluation mode.
    batch : dict of str to ndarray
        `image` (n, h, w, 3), `spectrum` (n, 7781), `targetid`, `has_image` and `has_spectrum` (n,).
    device : torch.device
        Where the encoders are.

    Returns
    -------
    pandas.DataFrame
        `tables.READOUT_COLUMNS`; NaN where a galaxy lacks the modality, its pixels are all 0 or one is not
        finite, and for all galaxies where the encoder does not read.

    Notes
    -----
    Masses of both are averaged with inverse variances, as if their errors were independent. What both
    encoders learnt of the population counts twice in them, so that their interval is somewhat narrow.
    """
    n = len(batch["targetid"])
    empty = (
        torch.full((n, redshift_bins.N_CLASSES), torch.nan).double(),
        torch.full((n, 2), torch.nan).double(),
    )
    found = {
        m: _read(encoders[m], batch[m], batch[f"has_{m}"], device) if m in encoders else empty
        for m in tables.MODALITIES
    }
    logits, masses = ({m: parts[i] for m, parts in found.items()} for i in (0, 1))
    if len(encoders) == len(tables.MODALITIES):
        log_prior = encoders["spectrum"].log_prior.double().cpu()
        logits["both"] = redshift_bins.combine(*logits.values(), log_prior)
        masses["both"] = combine_masses(*masses.values())
    columns = {"targetid": batch["targetid"]}
    for space in tables.SPACES:
        columns |= _columns(space, logits.get(space, empty[0]), masses.get(space, empty[1]))
    return pd.DataFrame(columns)[list(tables.READOUT_COLUMNS)]


def combine_masses(first: Tensor, second: Tensor) -> Tensor:
    """Average two measurements of the same masses with inverse variances.

    Parameters
    ----------
    first, second : Tensor of shape (n, 2) [log10 M_sun]
        Mean and natural logarithm of the scatter.

    Returns
    -------
    Tensor of shape (n, 2)
    """
    both = torch.stack([first, second])  # (2, n, 2)
    weight = torch.exp(-2 * both[..., 1])
    total = weight.sum(0)
    return torch.stack([(weight * both[..., 0]).sum(0) / total, -0.5 * total.log()], 1)


def _read(
    encoder: Encoder, values: np.ndarray, has: np.ndarray, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Calibrated logits and masses, NaN where there is nothing to read."""
    flat = values.reshape(len(values), -1)
    there = has.astype(bool) & np.isfinite(flat).all(axis=1) & (flat != 0).any(axis=1)
    logits = torch.full((len(values), redshift_bins.N_CLASSES), torch.nan).double()
    mass = torch.full((len(values), 2), torch.nan).double()
    for rows in torch.from_numpy(np.flatnonzero(there)).split(encoder.rows_at_once):
        if not len(rows):
            continue
        raw = torch.from_numpy(values[rows.numpy()]).float().to(device)
        raw = images.to_channels_first(raw) if raw.ndim == 4 else raw
        reading = encoder.read(*encoder.prepare(raw))
        logits[rows] = (reading.logits / encoder.temperature).double().cpu()
        mass[rows] = reading.log_mstar.double().cpu()
    return logits, mass


def _columns(space: str, logits: Tensor, mass: Tensor) -> dict[str, np.ndarray]:
    there = torch.isfinite(logits).all(dim=1)
    scatter = mass[:, 1].exp()
    columns = {
        f"log_mstar_{space}": mass[:, 0],
        f"log_mstar_{space}_low": mass[:, 0] - scatter,
        f"log_mstar_{space}_high": mass[:, 0] + scatter,
    }
    names = {"z": f"z_{space}", "low": f"z_{space}_low", "high": f"z_{space}_high"}
    for name, values in redshift_bins.estimate(logits[there]).items():
        column = torch.full((len(logits),), torch.nan).double()
        column[there] = values
        columns[names.get(name, f"{name}_{space}")] = column
    return {name: column.numpy().astype(np.float32) for name, column in columns.items()}
