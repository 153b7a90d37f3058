"""Made embeddings and properties of a survey, for what looks at zero-shot predictions in detail."""

from pathlib import Path

import factories
import numpy as np
import pandas as pd

from galaxypair import io


def make_splits(folder: Path, n: int = 200, seed: int = 1, noise: float = 0.05) -> dict:
    """Embeddings of 2 n train, n val and n test galaxies with properties; every third lacks log_mstar."""
    rng = np.random.default_rng(seed)
    ids = np.arange(4 * n)
    z = rng.uniform(0.05, 0.5, 4 * n)
    found = {}
    for split, rows in (
        ("train", slice(0, 2 * n)),
        ("val", slice(2 * n, 3 * n)),
        ("test", slice(3 * n, 4 * n)),
    ):
        path = folder / f"{split}.parquet"
        made = factories.make_embeddings(
            path, ids[rows], z[rows], split=split, seed=seed + rows.start, noise=noise
        )
        found[split] = io.read_embeddings(made)
    properties = pd.DataFrame({"targetid": ids, "z": z.astype("f4"), "matched": True})
    properties["log_mstar"] = np.where(ids % 3, 9 + 4 * z + rng.normal(0, 0.1, 4 * n), np.nan)
    properties["mag_r"] = 16 + 6 * z + rng.normal(0, 0.3, 4 * n)
    return found | {"properties": properties}
