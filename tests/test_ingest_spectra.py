import numpy as np
import pytest
from own_files import write_desi, write_sdss

from galaxypair.ingest.rejection import Rejected
from galaxypair.ingest.spectra import GRID, Spectrum, read_spectrum, to_grid
from galaxypair.wavelengths import air_to_vacuum

LOG_GRID = 10 ** np.arange(np.log10(3800), np.log10(9200), 1e-4)  # that of SDSS


def line(wavelength, at=6000.0, sigma=6.0):
    return 5 + 40 * np.exp(-(((wavelength - at) / sigma) ** 2) / 2)


def read(path, targetid=None):
    return read_spectrum(path, targetid=targetid, medium=None, default_medium="auto")


def rejected(reason, match, call, *args, **kwargs):
    with pytest.raises(Rejected, match=match) as caught:
        call(*args, **kwargs)
    assert caught.value.reason == reason


def test_sdss_line_keeps_flux_and_place(tmp_path):
    flux = to_grid(read(write_sdss(tmp_path / "spec.fits", LOG_GRID, line(LOG_GRID)))).astype(float)
    near = np.abs(GRID - 6000) < 60
    excess = flux[near] - 5
    assert (excess * 0.8).sum() == pytest.approx(40 * 6 * np.sqrt(2 * np.pi), rel=1e-3)
    assert (excess * GRID[near]).sum() / excess.sum() == pytest.approx(6000, abs=0.02)
    assert np.allclose(flux[near], line(GRID[near]), atol=0.15)


def test_outside_the_spectrum_and_masked_is_exactly_zero(tmp_path):
    mask, ivar = np.zeros(len(LOG_GRID), "i4"), np.ones(len(LOG_GRID))
    hole = (LOG_GRID > 5000) & (LOG_GRID < 5100)
    mask[hole] = 1 << 24  # NODATA
    sky = (LOG_GRID > 7000) & (LOG_GRID < 7100)
    mask[sky] = 1 << 23  # BRIGHTSKY: noisy, but data
    dead = (LOG_GRID > 8000) & (LOG_GRID < 8050)
    ivar[dead] = 0
    spikes = np.where(hole | dead, 1e6, 5.0)
    flux = to_grid(read(write_sdss(tmp_path / "spec.fits", LOG_GRID, spikes, ivar=ivar, mask=mask)))
    empty = (GRID < 3799) | (GRID > 9201) | ((GRID > 5002) & (GRID < 5098)) | ((GRID > 8002) & (GRID < 8048))
    assert (flux[empty] == 0).all()
    full = ~(
        (GRID < 3801) | (GRID > 9198) | ((GRID > 4998) & (GRID < 5102)) | ((GRID > 7998) & (GRID < 8052))
    )
    assert np.allclose(flux[full], 5, rtol=1e-5)  # nothing of the spikes spilled over


def test_sdss_redshift_is_used_unless_its_pipeline_warns(tmp_path):
    path = write_sdss(tmp_path / "spec.fits", LOG_GRID, line(LOG_GRID), z=0.123)
    assert read(path).z == pytest.approx(0.123)
    doubted = read(write_sdss(path, LOG_GRID, line(LOG_GRID), z=0.123, warning=4))
    assert np.isnan(doubted.z) and "warning 4" in "; ".join(doubted.notes)


def test_desi_arms_are_joined_exactly_on_the_grid(tmp_path):
    flux = np.random.default_rng(1).normal(3, 1, 7781).astype("f4")
    spectrum = read(write_desi(tmp_path / "coadd-1.fits", flux))
    assert np.allclose(to_grid(spectrum), flux, rtol=1e-6)
    assert spectrum.z == pytest.approx(0.2)  # redrock beside it


def test_desi_overlaps_are_weighted_by_inverse_variance(tmp_path):
    path = write_desi(tmp_path / "coadd-1.fits", np.ones(7781), ivar={"B": 3.0, "R": 1.0})
    from astropy.io import fits

    with fits.open(path, mode="update") as hdus:
        hdus["R_FLUX"].data += 4  # B 1 (weight 3), R 5 (weight 1)
    assert np.allclose(to_grid(read(path))[2700:2751], (3 * 1 + 1 * 5) / 4)


def test_desi_masked_pixels_are_zero_unless_the_other_arm_has_them(tmp_path):
    path = write_desi(tmp_path / "coadd-1.fits", np.ones(7781), mask={"B": slice(2600, 2751)})
    flux = to_grid(read(path))
    assert (flux[2600:2700] == 0).all() and (flux[2700:2751] == 1).all()


def test_desi_target_is_picked_by_targetid(tmp_path):
    path = write_desi(tmp_path / "coadd-1.fits", np.ones(7781), targets=(11, 12, 13))
    assert np.allclose(to_grid(read(path, targetid=12)), 2)
    rejected("target_not_in_file", "3 targets, and the catalogue has no column", read, path)
    rejected("target_not_in_file", "3 targets, not 99", read, path, targetid=99)


def test_desi_rows_of_one_target_are_combined(tmp_path):
    path = write_desi(tmp_path / "coadd-1.fits", np.ones(7781), targets=(11, 11))
    assert np.allclose(to_grid(read(path)), 1.5)


def test_wavelengths_elsewhere_are_rejected():
    infrared = np.linspace(10000, 18000, 500)
    rejected(
        "wavelength_outside_range",
        "covers 10000-18000",
        to_grid,
        Spectrum(infrared, infrared, np.ones(500, bool)),
    )
    in_nm = np.linspace(380, 920, 500)
    rejected(
        "wavelength_outside_range", "are the units right", to_grid, Spectrum(in_nm, in_nm, np.ones(500, bool))
    )


def test_spectrum_without_data_is_rejected():
    wavelength = np.linspace(3700, 9700, 500)
    ones, none = np.ones(500), np.zeros(500, bool)
    rejected("spectrum_all_zero", "no valid pixel", to_grid, Spectrum(wavelength, ones, none))
    rejected("spectrum_all_zero", "no valid pixel", to_grid, Spectrum(wavelength, 0 * ones, ~none))
    rejected("spectrum_not_finite", "no finite flux", to_grid, Spectrum(wavelength, np.nan * ones, none))


def test_gap_in_wavelength_is_no_data():
    wavelength = np.concatenate([np.arange(4000, 5000, 1.0), np.arange(6000, 9000, 1.0)])
    flux = to_grid(Spectrum(wavelength, np.full(len(wavelength), 2.0), np.ones(len(wavelength), bool)))
    assert (flux[(GRID > 5003) & (GRID < 5997)] == 0).all()
    assert np.allclose(flux[(GRID > 4001) & (GRID < 4998)], 2)


def test_repeated_wavelengths_are_rejected():
    wavelength = np.repeat(np.linspace(4000, 9000, 100), 2)
    spectrum = Spectrum(wavelength, np.ones(200), np.ones(200, bool))
    rejected("file_unreadable", "not all different", to_grid, spectrum)


def test_air_to_vacuum_gives_the_known_lines():
    air = np.array([4861.325, 5006.843, 6562.801])  # NIST, Hb, [O III], Ha in air
    assert np.allclose(air_to_vacuum(air), [4862.683, 5008.240, 6564.614], atol=0.005)


def test_truncated_spectrum_is_rejected(tmp_path):
    path = write_sdss(tmp_path / "spec.fits", LOG_GRID, line(LOG_GRID))
    path.write_bytes(path.read_bytes()[:9000])
    rejected("file_unreadable", "cannot be read", read, path)
