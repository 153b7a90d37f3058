"""Vectors of an embedding space: of one modality, or of both side by side."""

import numpy as np

from galaxypair.io import Embeddings


def space_vectors(embeddings: Embeddings, space: str) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the galaxies that have what a space needs.

    Parameters
    ----------
    embeddings : Embeddings
    space : {"image", "spectrum", "both"}

    Returns
    -------
    targetid : ndarray of shape (n,), int64
    vectors : ndarray of shape (n, d) or (n, 2 d), float32
        Of length 1. Both: image and spectrum side by side, each of the same weight.
    """
    if space == "both":
        vectors = np.hstack([embeddings.unit["image"], embeddings.unit["spectrum"]]) / np.float32(np.sqrt(2))
    else:
        vectors = embeddings.unit[space]
    finite = np.isfinite(vectors).all(axis=1)
    return embeddings.targetid[finite], vectors[finite]
