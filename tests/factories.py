"""Small made data for the tests: built on demand, never stored."""

import json
from pathlib import Path

import h5py
import numpy as np

from galaxypair import io, tables


def make_joint(
    path: Path, n_per_group: int = 8, groups: int = 2, seed: int = 1, first_id: int = 1000
) -> Path:
    """Write a joint file of noise galaxies: TARGETIDs count up from `first_id`, z in 0.05 ... 0.5."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        for g in range(groups):
            node = io.create_joint_group(file, str(g), n_per_group)
            node["images"][:] = rng.normal(0, 0.01, node["images"].shape) + _blob()
            node["spectra"][:] = rng.normal(1, 0.3, node["spectra"].shape)
            node["redshifts"][:] = rng.uniform(0.05, 0.5, n_per_group)
            node["targetids"][:] = first_id + g * n_per_group + np.arange(n_per_group)
    return path


def _blob() -> np.ndarray:
    y, x = np.mgrid[: tables.IMAGE_PX, : tables.IMAGE_PX] - tables.IMAGE_PX // 2
    return np.exp(-np.hypot(x, y) / 6.0)[..., None] * np.array([0.5, 1.0, 1.5])


def make_provabgs(path: Path, targetid: np.ndarray, z: np.ndarray, seed: int = 1) -> Path:
    """Write a PROVABGS file for the given galaxies, with the columns of the published one that are read."""
    rng = np.random.default_rng(seed)
    n = len(targetid)
    columns = {
        "TARGETID": np.asarray(targetid, "i8"),
        "RA": np.linspace(150, 160, n),
        "DEC": np.linspace(-5, 5, n),
        "Z_HP": np.asarray(z, "f8"),
        **{f"MAG_{b}": rng.uniform(16, 20, n) for b in ("G", "R", "Z", "W1")},
        "PROVABGS_LOGMSTAR_BF": rng.uniform(9, 11.5, n),
        "PROVABGS_LOGMSTAR": rng.uniform(9, 11.5, (n, 100)),
    }
    io.write_provabgs(path, columns)
    return path


def make_embeddings(
    path: Path,
    targetid: np.ndarray,
    z: np.ndarray,
    *,
    split: str = "test",
    dim: int = 16,
    noise: float = 0.05,
    seed: int = 1,
) -> Path:
    """Write embeddings in which image and spectrum of a galaxy both know its z and its own random number.

    The map from these two to the embedding is the same in each call, so that splits share a space.
    """
    weights = np.random.default_rng(0).normal(size=(2, dim))
    rng = np.random.default_rng(seed)
    latent = np.stack([5 * np.asarray(z), rng.normal(0, 0.5, len(z))], axis=1)
    clean = np.cos(latent @ weights + np.arange(dim))
    raw = {m: 3 * (clean + rng.normal(0, noise, clean.shape)) for m in tables.MODALITIES}
    with io.atomic_path(path) as part, io.EmbeddingsWriter(part, split, dim) as writer:
        writer.write(np.asarray(targetid, "i8"), raw)
    return path


def make_dataset(
    folder: Path, targetid: np.ndarray, z: np.ndarray, split: np.ndarray, *, crop_px: int = 8, seed: int = 1
) -> Path:
    """Write two shards and their manifest; `image[i, 0, 0, 0]` is the low part of the TARGETID."""
    rng = np.random.default_rng(seed)
    n = len(targetid)
    image = rng.normal(0.5, 0.1, (n, crop_px, crop_px, 3)).astype("f4")
    image[:, 0, 0, 0] = np.asarray(targetid) % 1000
    columns = {
        "image": image,
        "spectrum": rng.normal(1, 0.3, (n, tables.N_WAVELENGTH)).astype("f4"),
        "z": np.asarray(z, "f4"),
        "targetid": np.asarray(targetid, "i8"),
        "split": np.array([tables.SPLITS.index(s) for s in split], "u1"),
        "has_image": np.ones(n, bool),
        "has_spectrum": np.ones(n, bool),
    }
    shards = []
    for number, rows in enumerate(np.array_split(np.arange(n), 2)):
        name = tables.SHARD_NAME.format(number)
        io.write_arrays(folder / name, {c: v[rows] for c, v in columns.items()})
        shards.append({"name": name, "rows": len(rows)})
    counts = {s: int(np.sum(np.asarray(split) == s)) for s in tables.SPLITS}
    manifest = {"crop_px": crop_px, "shards": shards, "splits": counts}
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path
