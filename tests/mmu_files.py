"""Small files in the layouts of the Multimodal Universe: its HDF5 tree, and parquet."""

from pathlib import Path

import h5py
import numpy as np
from datasets import Array2D, Dataset, Features, List, Value

GRID = np.arange(7781) * 0.8 + 3600
BANDS = ("des-g", "des-r", "des-i", "des-z")


def image_columns(
    ra: list[float], dec: list[float], first: int = 0, side: int = 160
) -> dict[str, np.ndarray]:
    """Images whose pixels tell band (units) and number (hundreds); their middle is 1000 higher."""
    n = len(ra)
    number = first + np.arange(n)
    flux = (
        np.zeros((n, 4, side, side), "f4")
        + np.arange(4)[None, :, None, None]
        + 100 * number[:, None, None, None]
    )
    flux[:, :, side // 2, side // 2] += 1000
    return {
        "object_id": np.array([f"{i:04d}p{i:03d}-{i}" for i in number], "S16"),
        "ra": np.array(ra, "f8"),
        "dec": np.array(dec, "f8"),
        "image_band": np.array([BANDS] * n, "S5"),
        "image_array": flux,
    }


def spectrum_columns(ra: list[float], dec: list[float], targetid: list[int]) -> dict[str, np.ndarray]:
    """Spectra whose bins tell the TARGETID; bin 3 is masked, bin 4 has no weight."""
    n = len(ra)
    flux = np.zeros((n, 7781), "f4") + np.array(targetid)[:, None]
    mask, ivar = np.zeros((n, 7781), bool), np.ones((n, 7781), "f4")
    mask[:, 3], ivar[:, 4] = True, 0
    return {
        "object_id": np.array(targetid, "i8"),
        "ra": np.array(ra, "f8"),
        "dec": np.array(dec, "f8"),
        "Z": np.array(targetid) / 1000,
        "ZWARN": np.zeros(n, "i8"),
        "spectrum_flux": flux,
        "spectrum_ivar": ivar,
        "spectrum_mask": mask,
        "spectrum_lambda": np.tile(GRID.astype("f4"), (n, 1)),
    }


def provabgs_columns(targetid: list[int]) -> dict[str, np.ndarray]:
    n = len(targetid)
    scalars = dict.fromkeys(("Z_HP", "MAG_G", "MAG_R", "MAG_Z", "MAG_W1", "Z_MW", "TAGE_MW"), np.full(n, 0.5))
    return {
        "object_id": np.array(targetid, "i8"),
        "TARGETID": np.array(targetid, "i8"),
        "ra": np.linspace(10, 20, n),
        "dec": np.linspace(-5, 5, n),
        **scalars,
        "AVG_SFR": np.arange(n, dtype="f8")[:, None],  # a column of one, as they are written
        "PROVABGS_LOGMSTAR_BF": 10 + np.arange(n, dtype="f8"),
        "PROVABGS_MCMC": np.zeros((n, 100, 13)),
    }


def write_hdf5(folder: Path, cell: int, columns: dict[str, np.ndarray], suffix: str = "hdf5") -> Path:
    path = folder / f"healpix={cell}" / f"001-of-001.{suffix}"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file.create_dataset(name, data=values, compression="gzip")
    return path


def write_image_parquet(path: Path, columns: dict[str, np.ndarray], *, listed: bool) -> Path:
    """Write images as a list of one struct per band, or as one struct of lists."""
    bands, fluxes = columns["image_band"].astype(str), columns["image_array"]
    if listed:
        side = fluxes.shape[-1]
        feature = List({"band": Value("string"), "flux": Array2D((side, side), "float32")})
        images = [
            [{"band": b, "flux": f} for b, f in zip(*row, strict=True)]
            for row in zip(bands, fluxes, strict=True)
        ]
    else:
        feature = {"band": List(Value("string")), "flux": List(List(List(Value("float32"))))}
        images = [{"band": b, "flux": f} for b, f in zip(bands, fluxes, strict=True)]
    places = {"ra": Value("float64"), "dec": Value("float64")}
    features = Features({"image": feature, **places, "object_id": Value("string")})
    rows = {"image": images, "object_id": columns["object_id"].astype(str), **{p: columns[p] for p in places}}
    return _write(path, rows, features)


def write_spectrum_parquet(path: Path, columns: dict[str, np.ndarray]) -> Path:
    """Write spectra with TARGETIDs as text and the inverted ZWARN of the published parquet files."""
    kinds = {"flux": "float32", "ivar": "float32", "lambda": "float32", "mask": "bool"}
    spectra = [
        {name: columns[f"spectrum_{name}"][i] for name in kinds} for i in range(len(columns["object_id"]))
    ]
    scalars = {"ra": "float64", "dec": "float64", "Z": "float32", "ZWARN": "bool", "object_id": "string"}
    features = Features(
        {
            "spectrum": {name: List(Value(kind)) for name, kind in kinds.items()},
            **{name: Value(kind) for name, kind in scalars.items()},
        }
    )
    rows = {name: columns[name] for name in ("ra", "dec", "Z")}
    rows |= {
        "ZWARN": columns["ZWARN"] == 0,
        "object_id": columns["object_id"].astype(str),
        "spectrum": spectra,
    }
    return _write(path, rows, features)


def write_provabgs_parquet(path: Path, columns: dict[str, np.ndarray]) -> Path:
    names = {
        name: name for name in columns if columns[name].ndim == 1 and name not in ("TARGETID", "object_id")
    }
    rows = {name: columns[name] for name in names} | {"AVG_SFR": columns["AVG_SFR"][:, 0]}
    rows["LOG_MSTAR"] = rows.pop("PROVABGS_LOGMSTAR_BF")
    features = Features({name: Value("float32") for name in rows} | {"object_id": Value("string")})
    return _write(path, rows | {"object_id": columns["object_id"].astype(str)}, features)


def _write(path: Path, rows: dict, features: Features) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_dict(rows, features=features).to_parquet(path, batch_size=2)
    return path
