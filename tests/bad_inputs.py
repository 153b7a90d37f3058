"""What the test of bad inputs is built of: good files, the stages that meet them, kinds of bad input."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import yaml
from factories import make_joint, make_provabgs
from own_files import DEC, RA, make_planes, write_cube, write_rows, write_sdss

from galaxypair import io

REPO = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((REPO / "config" / "config.yaml").read_text(encoding="utf-8"))
GRID = np.linspace(3600, 9824, 7781)


# --- what must come of it -------------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """The stage stops: the message names the file, says this, and advises."""

    file: str
    match: str


@dataclass(frozen=True)
class Ledger:
    """Some galaxies are in the ledger with this reason, all others are kept."""

    reason: str
    n: int = 1
    detail: str = ""


@dataclass(frozen=True)
class Kept:
    """Odd, but good: every galaxy is kept."""


# --- stages: folder in, table with `kept`, `reason` and `detail` out; and the galaxies that went in ------


def script(name: str) -> ModuleType:
    folder = REPO / "workflow" / "scripts"
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(f"script_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def preprocess(folder: Path) -> tuple[pd.DataFrame, int]:
    out = folder / "dataset"
    script("preprocess").preprocess(
        joint=folder / "joint.h5", provabgs=folder / "provabgs.hdf5", catalogue=None,
        manifest=out / "manifest.json", ledger=out / "ledger.parquet",
        modules=[], cuts=CONFIG["preprocess"], split=CONFIG["split"],
    )  # fmt: skip
    shards = io.read_manifest(out / "manifest.json")
    ledger = io.read_table(out / "ledger.parquet")
    written = np.concatenate([b["targetid"] for b in io.iter_shards(shards, ["targetid"])])
    assert sorted(written) == sorted(ledger.loc[ledger["kept"], "targetid"])
    return ledger, 6


def ingest(folder: Path) -> tuple[pd.DataFrame, int]:
    settings = {**CONFIG["ingest"], "catalogue": str(folder / "catalogue.csv")}
    script("ingest").ingest(
        folder / "joint.h5", folder / "provabgs.hdf5", folder / "verdicts.parquet", settings
    )
    verdicts = io.read_table(folder / "verdicts.parquet")
    assert sum(io.check_joint(folder / "joint.h5").values()) == verdicts["kept"].sum()
    return verdicts, 2


def crossmatch(folder: Path) -> tuple[pd.DataFrame, int]:
    if not (folder / "dataset").exists():
        preprocess(folder)
    script("crossmatch").crossmatch(
        folder / "dataset/ledger.parquet", folder / "provabgs.hdf5",
        folder / "properties.parquet", folder / "losses.csv",
    )  # fmt: skip
    found = io.read_table(folder / "properties.parquet")
    return found.assign(kept=True, reason="", detail=""), 6


def survey(folder: Path) -> None:
    """Two groups of three galaxies, and their catalogue."""
    make_joint(folder / "joint.h5", n_per_group=3, groups=2)
    make_provabgs(folder / "provabgs.hdf5", 1000 + np.arange(6), np.full(6, 0.1))


def dataset(folder: Path) -> None:
    """What `preprocess` makes of the survey."""
    survey(folder)
    preprocess(folder)


def own_files(folder: Path) -> None:
    """A galaxy that is good and one to be spoiled, with an image and a spectrum each."""
    rows = []
    for name in ("good", "bad"):
        write_cube(folder / f"{name}.fits", make_planes())
        write_sdss(folder / f"{name}_spectrum.fits", GRID, np.ones(7781))
        rows.append(own_row(name, image=f"{name}.fits", spectrum=f"{name}_spectrum.fits"))
    write_rows(folder / "catalogue.csv", rows)


def own_row(name: str, **changes: object) -> dict:
    return {"id": name, "ra": RA, "dec": DEC, "image": "", "spectrum": "", "z": 0.1, **changes}


@dataclass(frozen=True)
class Bad:
    """One kind of bad input."""

    name: str
    good: Callable[[Path], None]
    spoil: Callable[[Path], None]
    run: Callable[[Path], tuple[pd.DataFrame, int]]
    outcome: Refused | Ledger | Kept


def of_joint(name: str, spoil: Callable, outcome: Refused | Ledger | Kept) -> Bad:
    return Bad(f"joint: {name}", survey, spoil, preprocess, outcome)


def of_provabgs(name: str, spoil: Callable, outcome: Refused | Ledger | Kept) -> Bad:
    return Bad(f"PROVABGS: {name}", survey, spoil, crossmatch, outcome)


def of_ledger(name: str, spoil: Callable, outcome: Refused | Ledger | Kept) -> Bad:
    return Bad(f"ledger: {name}", dataset, spoil, crossmatch, outcome)


def of_own(name: str, spoil: Callable, outcome: Refused | Ledger | Kept) -> Bad:
    return Bad(f"own: {name}", own_files, spoil, ingest, outcome)
