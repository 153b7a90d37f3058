"""What pretraining is worth: redshifts from the neighbours of frozen features, pretrained against random.

`python -m benchmarks pretrain` pretrains both compact encoders as config.yaml has it, on a mock survey of
3,000 galaxies. `python benchmarks/pretrain.py DATASET PRETRAIN` takes a run's folders `dataset` and
`pretrain` instead. Features are standardised by the train split, as AstroCLIP's own protocol does.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from galaxypair import checkpoints, io, loaders, model, pretrained, zeroshot
from galaxypair.tables import MODALITIES

REPO = Path(__file__).resolve().parents[1]
K = 16
N_GALAXIES = 3000


def make(folder: Path) -> tuple[Path, Path]:
    """Simulate, preprocess and pretrain by the workflow."""
    (folder / "config").symlink_to(REPO / "config")
    targets = [f"results/bench/pretrain/{modality}/model.safetensors" for modality in MODALITIES]
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--directory", folder, *targets]
    command += ["--config", "run=bench", f"simulate={{n_galaxies: {N_GALAXIES}, seed: 7}}"]
    subprocess.run(list(map(str, command)), cwd=REPO, check=True, stdout=sys.stderr)
    return folder / "results" / "bench" / "dataset", folder / "results" / "bench" / "pretrain"


@torch.inference_mode()
def features(encoder: torch.nn.Module, dataset: loaders.ShardDataset, modality: str) -> tuple:
    """Compute features and read redshifts of a split."""
    found, z = [], []
    for rows in np.array_split(np.arange(len(dataset)), max(1, len(dataset) // 128)):
        batch = dataset.__getitems__(rows)
        found.append(encoder(batch[modality], batch["z"]))
        z.append(batch["z"])
    return torch.cat(found).numpy(), torch.cat(z).numpy()


def r2(encoder: torch.nn.Module, manifest: dict, modality: str) -> float:
    """R2 of redshifts of the test split from neighbours in the train split."""
    columns = (modality, "z")
    (a, known), (b, z) = (
        features(encoder.eval(), loaders.ShardDataset(manifest, split, columns), modality)
        for split in ("train", "test")
    )
    a, b = ((values - a.mean(0)) / (a.std(0) + 1e-6) for values in (a, b))
    predicted = zeroshot.predict(a, known[:, None], b, K)[:, 0]
    return 1 - float(np.sum((z - predicted) ** 2) / np.sum((z - z.mean()) ** 2))


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        dataset, folder = map(Path, sys.argv[1:]) if sys.argv[1:] else make(Path(temporary))
        manifest = io.read_manifest(dataset / "manifest.json")
        words = []
        for modality in MODALITIES:
            path = folder / modality / "model.safetensors"
            part = pretrained.read_config(path)["encoder"]
            random = []
            for seed in (42, 43, 44):
                torch.manual_seed(seed)
                encoder = model.build_encoder(modality, part)
                random.append(r2(encoder, manifest, modality))
            checkpoints.load_encoder(encoder, part["encoder"], path)
            found = r2(encoder, manifest, modality)
            spread = f"{np.mean(random):.3f} +- {np.std(random, ddof=1):.3f} (3 seeds)"
            words.append(f"{modality} {found:.3f} pretrained, {spread} random")
    print(f"R2 of z, k = {K}, frozen features: {'; '.join(words)}")


if __name__ == "__main__":
    main()
