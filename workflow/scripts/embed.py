"""Embed one split with the trained model."""

from stage import stage

from pathlib import Path

import torch

from galaxypair import embed, io
from galaxypair import model as pair_model


def run(manifest: Path, embeddings: Path, split: str, model: Path, batch_size: int, threads: int = 1) -> None:
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    loaded = pair_model.load(model).to(device)
    embed.embed_split(io.read_manifest(manifest), loaded, split, embeddings, batch_size)


if __name__ == "__main__":
    stage(run)
