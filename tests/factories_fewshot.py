"""Made embeddings whose posterior of each property is known, and settings for short trainings."""

import numpy as np
import pandas as pd

from galaxypair import io, tables

FEW_SHOT = {
    "label_counts": [50],
    "repeats": 2,
    "hidden": [32],
    "hidden_image_z": [16],
    "dropout": 0.1,
    "learning_rate": 0.003,
    "batch_size": 64,
    "epochs": 15,
    "min_steps": 100,
    "bootstrap": 20,
    "seed": 5,
}
FLOW = {
    "targets": None,
    "transforms": 2,
    "bins": 8,
    "hidden": [32, 32],
    "learning_rate": 0.002,
    "batch_size": 256,
    "epochs": 15,
    "examples": 3,
    "bootstrap": 50,
    "seed": 5,
}


def make_splits(
    sizes: dict[str, int], noise: float = 0.3, dim: int = 6, seed: int = 1
) -> tuple[dict[str, io.Embeddings], pd.DataFrame]:
    """Unit vectors x, and properties w.x + normal noise: Gaussian posteriors of a known width.

    Both modalities hold the same vectors; the true mean is in the column `mean`. Of log_mstar every third
    value is missing.
    """
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(0).normal(size=dim)
    n = sum(sizes.values())
    vectors = io.unit(rng.normal(size=(n, dim))).astype("f4")
    mean = vectors @ weights
    properties = pd.DataFrame({"targetid": np.arange(1, n + 1), "mean": mean})
    properties["z"] = (mean + noise * rng.normal(size=n)).astype("f4")
    properties["log_mstar"] = np.where(np.arange(n) % 3, 10 + mean + noise * rng.normal(size=n), np.nan)
    splits, start = {}, 0
    for split, size in sizes.items():
        own = {m: vectors[start : start + size].copy() for m in tables.MODALITIES}
        splits[split] = io.Embeddings(properties["targetid"].to_numpy()[start : start + size], own, own)
        start += size
    return splits, properties


def make_few_shot(targets: list[str], counts: tuple[int, ...], n: int, repeats: int = 3) -> pd.DataFrame:
    """A table as metrics/few_shot.csv; numbers are drawn."""
    rng = np.random.default_rng(2)
    rows = []
    for j, space in enumerate(tables.SPACES):
        for target in targets:
            for i, count in enumerate(counts):
                for repeat in range(1, repeats + 1):
                    value = 0.15 + 0.25 * i + 0.08 * j + rng.normal(0, 0.03)
                    head = ("few_shot_mlp", space, target, count, min(count, n), repeat)
                    rows.append((*head, "r2", value, value - 0.02, value + 0.02, n))
                    rows.append((*head, "nmad", 0.1, 0.09, 0.11, n))
    return pd.DataFrame(rows, columns=tables.FEW_SHOT_COLUMNS)


def make_posteriors(targets: list[str], n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables as metrics/posteriors.parquet (its columns for figures) and posteriors.csv; perfect ones."""
    rng = np.random.default_rng(3)
    parts, rows = [], []
    for space in tables.SPACES:
        for target in targets:
            own = {"targetid": np.arange(n), "space": space, "target": target, "pit": rng.uniform(size=n)}
            parts.append(pd.DataFrame(own))
            for metric, value in (("crps", 0.0123), ("chance_crps", 0.08), ("nll", -1.2)):
                head = ("posterior_flow", space, space, target, metric)
                rows.append((*head, value, value - 0.001, value + 0.001, n))
    return pd.concat(parts), pd.DataFrame(rows, columns=tables.METRIC_COLUMNS)


def make_examples(targets: list[str], n: int) -> pd.DataFrame:
    """A table as metrics/posterior_examples.parquet: Gaussian densities."""
    rng = np.random.default_rng(4)
    parts = []
    for targetid in 39_627_000_000_000_000 + np.arange(n):
        for target in targets:
            truth = rng.uniform(0.1, 0.9)
            for space, width in zip(tables.SPACES, (0.1, 0.01, 0.02), strict=True):
                x = np.linspace(-3.3, 3.3, 256)
                density = np.exp(-(x**2) / 2) / width / np.sqrt(2 * np.pi)
                y = truth + width * (rng.normal() + x)
                head = {"targetid": targetid, "space": space, "target": target, "y_true": truth}
                parts.append(pd.DataFrame({**head, "y": y, "density": density}))
    return pd.concat(parts, ignore_index=True)
