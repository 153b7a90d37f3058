"""From shards and a trained model to a table of embeddings."""

import logging
from pathlib import Path

import numpy as np

from galaxypair import io, tables
from galaxypair.model import PairModel
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)


def embed_batch(model: PairModel, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Embed some galaxies.

    Parameters
    ----------
    model : PairModel
        In evaluation mode.
    batch : dict of str to ndarray
        `image` (n, h, w, 3), `spectrum` (n, 7781), `z`, `has_image` and `has_spectrum` (n,).

    Returns
    -------
    dict of modality to ndarray of shape (n, d), float32
        NaN throughout where a galaxy lacks the modality.
    """
    found = model.embed_arrays(batch["image"], batch["spectrum"], batch["z"])
    return {
        modality: np.where(batch[f"has_{modality}"][:, None], vectors, np.nan)
        for modality, vectors in found.items()
    }


def embed_split(manifest: dict, model: PairModel, split: str, path: Path, batch_size: int) -> None:
    """Stream a split through the model, in evaluation mode and without augmentations.

    Parameters
    ----------
    manifest : dict
        From `io.read_manifest`.
    model : PairModel
    split : {"train", "val", "test"}
    path : Path
        `embeddings/{split}.parquet`.
    batch_size : int

    Notes
    -----
    The reproduction embeds with random rotations and dropout still on, so that its embeddings
    differ from run to run.
    """
    model.eval()
    progress = Progress(manifest["splits"][split])
    columns = ["targetid", "z", *tables.MODALITIES, "has_image", "has_spectrum"]
    with io.atomic_path(path) as part, io.EmbeddingsWriter(part, split, model.embedding_dim) as writer:
        batches = io.iter_shards(manifest, columns, split=split, batch_rows=batch_size)
        for batch in io.prefetch(batches):
            writer.write(batch["targetid"], embed_batch(model, batch))
            progress.update(len(batch["targetid"]))
    logger.info("%s galaxies of split %s embedded", f"{progress.done:,}", split)
