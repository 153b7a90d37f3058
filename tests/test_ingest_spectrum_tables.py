import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from galaxypair.ingest.rejection import Rejected
from galaxypair.ingest.spectra import read_spectrum
from galaxypair.wavelengths import air_to_vacuum

WAVELENGTH = np.linspace(3700, 9700, 400)


def make(**columns):
    table = Table({"wavelength": WAVELENGTH, "flux": np.full(400, 2.0)})
    for name, values in columns.items():
        table[name] = values
    return table


def read(path, medium=None, default_medium="auto"):
    return read_spectrum(path, targetid=None, medium=medium, default_medium=default_medium)


def rejected(path, reason, match, **kwargs):
    with pytest.raises(Rejected, match=match) as caught:
        read(path, **kwargs)
    assert caught.value.reason == reason


@pytest.mark.parametrize("name", ["a.csv", "a.ecsv", "a.fits", "a.txt"])
def test_formats_by_suffix(tmp_path, name):
    table = make(ivar=np.where(np.arange(400) < 5, 0.0, 1.0))
    form = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "fits": "fits", "txt": "ascii.basic"}
    table.write(tmp_path / name, format=form[name.split(".")[1]])
    spectrum = read(tmp_path / name, medium="vacuum")
    assert np.allclose(spectrum.wavelength, WAVELENGTH) and np.allclose(spectrum.flux, 2)
    assert np.array_equal(np.flatnonzero(~spectrum.valid), np.arange(5))
    assert "flux unit not stated" in "; ".join(spectrum.notes)


@pytest.mark.parametrize(
    "wave_unit, flux_unit",
    [("nm", "erg / (s cm2 nm)"), ("um", "W / (m2 um)"), ("Angstrom", "1e-17 erg/cm^2/s/Ang"), ("AA", "mJy")],
)
def test_units_of_the_table_are_converted(tmp_path, wave_unit, flux_unit):
    per_angstrom = np.full(400, 2.0) * u.Unit("1e-17 erg / (s cm2 Angstrom)")
    known = flux_unit.replace("Ang", "Angstrom") if flux_unit.endswith("Ang") else flux_unit
    table = Table(
        {
            "wavelength": (WAVELENGTH * u.AA).to_value(wave_unit),
            "flux": per_angstrom.to_value(known, u.spectral_density(WAVELENGTH * u.AA)),
        }
    )
    table.write(tmp_path / "a.fits")
    from astropy.io import fits

    with fits.open(tmp_path / "a.fits", mode="update") as hdus:
        hdus[1].header["TUNIT1"], hdus[1].header["TUNIT2"] = wave_unit, flux_unit
    spectrum = read(tmp_path / "a.fits", medium="vacuum")
    assert np.allclose(spectrum.wavelength, WAVELENGTH)
    assert np.allclose(spectrum.flux, 2)


def test_medium_must_be_known(tmp_path):
    make().write(tmp_path / "a.csv")
    rejected(tmp_path / "a.csv", "wavelength_medium_unknown", "set ingest.spectrum_medium")
    assert np.allclose(read(tmp_path / "a.csv", default_medium="vacuum").wavelength, WAVELENGTH)


@pytest.mark.parametrize("how", ["column name", "unit", "description", "keyword", "comment", "catalogue"])
def test_medium_air_is_found_where_it_is_stated(tmp_path, how):
    table, path, medium = make(), tmp_path / "a.ecsv", None
    if how == "column name":
        table.rename_column("wavelength", "wavelength_air")
    elif how == "unit":
        path = tmp_path / "a.fits"
    elif how == "description":
        table["wavelength"].description = "wavelength in air"
    elif how == "keyword":
        table.meta["AIRORVAC"] = "air"
    elif how == "comment":
        path = tmp_path / "a.csv"
    else:
        medium = "air"
    table.write(path)
    if how == "unit":
        from astropy.io import fits

        with fits.open(path, mode="update") as hdus:
            hdus[1].header["TUNIT1"] = "Angstrom (air)"
    if how == "comment":
        path.write_text("# wavelengths in air\n" + path.read_text())
    # what is stated wins over the config's default
    assert np.allclose(read(path, medium, default_medium="vacuum").wavelength, air_to_vacuum(WAVELENGTH))


def test_falling_and_logarithmic_wavelengths(tmp_path):
    Table({"loglam": np.log10(WAVELENGTH[::-1]), "flux": np.arange(400.0)}).write(tmp_path / "a.csv")
    spectrum = read(tmp_path / "a.csv", medium="vacuum")
    assert np.allclose(spectrum.wavelength, WAVELENGTH)
    assert np.allclose(spectrum.flux, np.arange(400.0)[::-1])


def test_errors_masks_and_nan_are_no_data(tmp_path):
    flux, error, mask = np.full(400, 2.0), np.ones(400), np.zeros(400, int)
    flux[3], error[4], error[5], mask[6] = np.nan, 0, np.nan, 8
    make(flux=flux, error=error, mask=mask).write(tmp_path / "a.csv")
    assert np.array_equal(np.flatnonzero(~read(tmp_path / "a.csv", medium="air").valid), [3, 4, 5, 6])


def test_missing_column_is_named(tmp_path):
    Table({"x": WAVELENGTH, "flux": WAVELENGTH}).write(tmp_path / "a.csv")
    rejected(tmp_path / "a.csv", "file_unreadable", r"no column wavelength \(found x, flux\)")


def test_unit_that_is_no_flux_is_rejected(tmp_path):
    table = make()
    table["flux"].unit = "mag"
    table.write(tmp_path / "a.ecsv")
    rejected(tmp_path / "a.ecsv", "units_unknown", "flux in `mag`", medium="vacuum")


def test_damaged_files_are_rejected(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\x00\xff\xfe\x01")
    rejected(tmp_path / "a.csv", "file_unreadable", "a.csv", medium="vacuum")
    (tmp_path / "b.fits").write_bytes(b"SIMPLE")
    rejected(tmp_path / "b.fits", "file_unreadable", "b.fits", medium="vacuum")
