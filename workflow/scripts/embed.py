"""Embed one split with the trained model."""

from stage import stage

from pathlib import Path

import torch

from galaxypair import io
from galaxypair.embed import embed_split
from galaxypair.model import PairModel


def embed(
    manifest: Path, embeddings: Path, split: str, model: Path, batch_size: int, threads: int = 1
) -> None:
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pair = PairModel.from_pretrained(model).to(device)
    embed_split(io.read_manifest(manifest), pair, split, embeddings, batch_size)


if __name__ == "__main__":
    stage(embed)
