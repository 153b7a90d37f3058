import numpy as np
import pytest
from mock_factories import drawn, needs_grids

from galaxypair.mock import catalogue, survey


def rows(n: int = 400) -> np.ndarray:
    made = np.zeros(n, survey.ROW_DTYPE)
    galaxies = drawn("main")[:n]
    for name in galaxies.dtype.names:
        made[name] = galaxies[name]
    made["targetid"], made["z_observed"] = np.arange(n), made["z"]
    made["fibre_fraction"], made["ra"] = 0.4, 180
    return made


@needs_grids
def test_catalogue_estimates_scatter_around_the_truth():
    table = catalogue.provabgs_columns(rows(), np.random.default_rng(1))
    truth = catalogue.true_properties(rows())
    good = table["PROVABGS_LOGMSTAR_BF"] > 0
    mass_error = (table["PROVABGS_LOGMSTAR_BF"] - truth["log_mstar"])[good]
    assert abs(np.median(mass_error)) < 0.03
    assert 0.06 < mass_error.std() < 0.2
    assert np.std(np.log10(table["AVG_SFR"][good] / truth["avg_sfr"][good])) > 0.1
    assert (table["TAGE_MW"][good] > 0).all()


@needs_grids
def test_failed_fits_are_few_and_marked_in_every_estimate():
    table = catalogue.provabgs_columns(rows(), np.random.default_rng(1))
    failed = table["PROVABGS_LOGMSTAR_BF"] == catalogue.FAILED
    assert 0 < failed.mean() < 0.06
    for name in ("Z_MW", "TAGE_MW", "AVG_SFR"):
        assert ((table[name] == catalogue.FAILED) == failed).all()


@needs_grids
def test_columns_have_the_published_shapes_and_no_nan():
    table = catalogue.provabgs_columns(rows(10), np.random.default_rng(1))
    assert table["PROVABGS_MCMC"].shape == (10, 100, 13)
    assert table["PROVABGS_THETA_BF"].shape == (10, 13)
    assert table["PROVABGS_LOGMSTAR"].shape == (10, 100)
    for name, values in table.items():
        assert np.isfinite(values).all(), name


@pytest.mark.parametrize(("ra", "dec", "pixel"), [(0, 0, 4), (90, 0, 5), (45, 41.8, 0), (135, -41.8, 9)])
def test_healpix_base_pixels_at_their_centres(ra, dec, pixel):
    assert catalogue.healpix_nested(np.array([ra]), np.array([dec]), 1)[0] == pixel


def test_healpix_pixels_nest():
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, 1000), rng.uniform(-40, 40, 1000)
    fine, coarse = (catalogue.healpix_nested(ra, dec, n) for n in (64, 16))
    np.testing.assert_array_equal(fine // 16, coarse)


def test_healpix_uses_every_pixel_of_an_equatorial_face():
    rng = np.random.default_rng(1)
    pixel = catalogue.healpix_nested(rng.uniform(0, 360, 20000), rng.uniform(-41, 41, 20000), 2)
    assert set(range(16, 32)) <= set(pixel)
