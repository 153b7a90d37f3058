"""Embed one split with the trained model."""

from stage import stage

from pathlib import Path

import torch

from galaxypair import io
from galaxypair.embed import embed_split
from galaxypair.model import load


def embed(
    manifest: Path, embeddings: Path, split: str, model: Path, batch_size: int, threads: int = 1
) -> None:
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    embed_split(io.read_manifest(manifest), load(model).to(device), split, embeddings, batch_size)


if __name__ == "__main__":
    stage(embed)
