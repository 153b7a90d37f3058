"""Small made data for the tests: built on demand, never stored."""

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
