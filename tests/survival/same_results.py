"""Whether two runs came to the same results: every file byte for byte, or value for value."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

# what differs between any two runs, and why
IGNORED = {
    "training/*": "checkpoints and curves on the way, with times",
    "model/throughput.csv": "seconds",
    "model/README.md": "says how long the training took",
    "report.html": "says when it was made",
}


def differences(one: Path, other: Path) -> list[str]:
    """Name the files that are not the same, or are missing, in two folders `results/{run}`."""
    names = sorted({str(path.relative_to(root)) for root in (one, other) for path in files(root)})
    return [name for name in names if not same(one / name, other / name)]


def files(root: Path) -> Iterator[Path]:
    """All files that are results."""
    for path in root.rglob("*"):
        relative = path.relative_to(root)
        if path.is_file() and not any(fnmatch(str(relative), pattern) for pattern in IGNORED):
            yield path


def same(one: Path, other: Path) -> bool:
    """Compare two files."""
    if not (one.is_file() and other.is_file()):
        return False
    if one.read_bytes() == other.read_bytes():
        return True
    match one.suffix:
        case ".parquet":
            return pd.read_parquet(one).equals(pd.read_parquet(other))
        case ".h5" | ".hdf5":
            with h5py.File(one) as a, h5py.File(other) as b:
                return same_groups(a, b)
    return False


def same_groups(a: h5py.Group, b: h5py.Group) -> bool:
    """Compare everything in two HDF5 groups; NaN equals NaN."""
    if a.keys() != b.keys() or not same_attributes(a, b):
        return False
    for name in a:
        if isinstance(a[name], h5py.Group):
            if not (isinstance(b[name], h5py.Group) and same_groups(a[name], b[name])):
                return False
        elif not (same_attributes(a[name], b[name]) and a[name].dtype == b[name].dtype):
            return False
        elif a[name][()].tobytes() != b[name][()].tobytes():
            return False
    return True


def same_attributes(a: h5py.Group | h5py.Dataset, b: h5py.Group | h5py.Dataset) -> bool:
    """Compare attributes."""
    return a.attrs.keys() == b.attrs.keys() and all(np.array_equal(a.attrs[k], b.attrs[k]) for k in a.attrs)
