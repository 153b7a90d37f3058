"""Run the frozen encoders once over a split, so that their heads train on the features alone."""

from stage import stage

from pathlib import Path

import torch

from galaxypair import features as core
from galaxypair import io


def features(
    *, manifest: Path, image_weights: Path | None, spectrum_weights: Path | None, modules: list[Path],
    file: Path, split: str, encoders: dict, settings: dict, threads: int = 1,
) -> None:  # fmt: skip
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    published = {m: p for m, p in (("image", image_weights), ("spectrum", spectrum_weights)) if p}
    dataset = io.read_manifest(manifest)
    core.build(
        dataset, split, file,
        encoders=encoders, settings=settings, weights=published, device=device, code=modules,
    )  # fmt: skip


if __name__ == "__main__":
    stage(features)
