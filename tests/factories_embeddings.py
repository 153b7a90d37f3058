"""Made files of embeddings, in the layouts that others publish: built on demand, never stored."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from factories import make_joint

from galaxypair import io, rgb, tables

DIM = 16


def make_vectors(z: np.ndarray, dim: int = DIM, seed: int = 1) -> dict[str, np.ndarray]:
    """Embeddings of both modalities that know z and a number of the galaxy's own; not of unit length."""
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(0).normal(size=(2, dim))
    latent = np.stack([5 * np.asarray(z), rng.normal(0, 0.5, len(z))], axis=1)
    clean = np.cos(latent @ weights + np.arange(dim))
    return {m: (3 * (clean + rng.normal(0, 0.05, clean.shape))).astype("f4") for m in tables.MODALITIES}


def rep_arrays(folder: Path, n: int = 24) -> dict[str, np.ndarray]:
    """The six arrays of the reproduction's file, pictures made as its script makes them."""
    block = next(io.iter_joint(make_joint(folder / "joint.h5", n_per_group=n, groups=1), n))
    vectors = make_vectors(block.z)
    pictures = rgb.to_rgb(np.stack([np.transpose(image, (2, 1, 0)) for image in block.images]).swapaxes(1, 3))
    return {
        "images": pictures.swapaxes(1, 2),  # (n, y, x, rgb)
        "im_embeddings": vectors["image"],
        "spectra": vectors["spectrum"],
        "redshifts": block.z,
        "source_spec": block.spectra[:, :, None],
        "targetid": block.targetid,
    }


def make_official_pair(path: Path, targetid: np.ndarray, z: np.ndarray) -> Path:
    """PROVABGS with embeddings, as AstroCLIP's embed_provabgs.py writes it."""
    vectors = make_vectors(z)
    columns = {"TARGETID": targetid, "Z_HP": z, "targetid": targetid}
    columns |= {f"astroclip_{m}_embeddings": values for m, values in vectors.items()}
    io.write_provabgs(path, columns | {"stein_embeddings": np.zeros((len(z), 3), "f4")})
    return path


def make_official_search(path: Path, targetid: np.ndarray, z: np.ndarray) -> Path:
    """The file of AstroCLIP's embed_astroclip.py: it has no redshifts."""
    with h5py.File(path, "w") as file:
        for modality, values in make_vectors(z).items():
            file[f"{modality}_embeddings"] = values
            file[modality] = np.zeros((len(z), 4), "f4")
        file["object_id"] = targetid
    return path


def make_table(path: Path, targetid: np.ndarray, z: np.ndarray, **columns: object) -> Path:
    """A user's own table by suffix: lists in parquet, matrices in HDF5 and npz, numbered columns in CSV."""
    vectors = {f"{m}_embedding": values for m, values in make_vectors(z).items()}
    flat = {"targetid": targetid, "z": z} | columns
    if path.suffix == ".parquet":
        io.write_table(pd.DataFrame(flat | {k: list(v) for k, v in vectors.items()}), path)
    elif path.suffix == ".csv":
        numbered = {f"{k}_{i}": v[:, i] for k, v in vectors.items() for i in range(v.shape[1])}
        io.write_table(pd.DataFrame(flat | numbered), path)
    elif path.suffix == ".npz":
        np.savez(path, **flat, **vectors)
    else:
        io.write_arrays(path, {k: np.asarray(v) for k, v in (flat | vectors).items()})
    return path
