import numpy as np
import pytest
from mock_factories import bank, drawn, library, needs_grids

from galaxypair.mock import images, others, quasars, spectra, stars
from galaxypair.mock.spectra import WAVELENGTH

rest_of_hydrogen = {"alpha": 6564.61, "beta": 4862.68, "gamma": 4341.68}  # vacuum


@pytest.fixture(scope="module")
def galaxies():
    """Noise-free spectra and redshifts of mock galaxies."""
    rows = drawn("main")[:24]
    return spectra.fibre_spectra(rows, np.ones((len(rows), 3)), library()), rows["z"]


@pytest.fixture(scope="module")
def mixed(galaxies):
    return others.draw_spectra(100, *galaxies, library(), np.random.default_rng(1))


def at(low, high):
    return (WAVELENGTH > low) & (WAVELENGTH < high)


def mean(flux, low, high):
    return flux[at(low, high)].mean()


def extreme(flux, centre, reach, sign):
    """Wavelength of the deepest (-1) or highest (1) point relative to a line between both sides."""
    inside = at(centre - reach, centre + reach)
    x, y = WAVELENGTH[inside], flux[inside]
    level = np.interp(x, [x[0], x[-1]], [y[:8].mean(), y[-8:].mean()])
    return x[(sign * y / level).argmax()], (y / level)[(sign * y / level).argmax()]


def draws(function, n, *args):
    return [function(np.random.default_rng(seed), *args) for seed in range(n)]


@needs_grids
def test_spectra_are_finite_and_of_mean_one(mixed):
    flux, kind = mixed
    assert flux.shape == (100, len(WAVELENGTH))
    assert flux.dtype == np.float32
    assert kind.dtype == np.int8
    assert np.isfinite(flux).all()
    np.testing.assert_allclose(np.abs(flux).mean(1), 1, rtol=1e-4)


@needs_grids
def test_kinds_come_in_the_documented_shares(mixed):
    assert np.bincount(mixed[1]).tolist() == [100 * share for share in others.SHARES]
    assert len(others.KINDS) == len(others.SHARES)
    assert (np.diff(mixed[1]) < 0).any()  # in random order


@needs_grids
def test_same_seed_same_spectra(galaxies, mixed):
    flux, kind = others.draw_spectra(100, *galaxies, library(), np.random.default_rng(1))
    np.testing.assert_array_equal(flux, mixed[0])
    np.testing.assert_array_equal(kind, mixed[1])


@needs_grids
@pytest.mark.parametrize("kind", stars.SHARES)
def test_each_kind_of_star_shines_at_all_wavelengths(kind):
    for flux in draws(kind, 20, library()):
        assert np.isfinite(flux).all()
        assert flux.min() >= 0
        assert (flux > 0).mean() > 0.99


def test_balmer_series_is_that_of_vacuum():
    np.testing.assert_allclose(stars.BALMER[:3], list(rest_of_hydrogen.values()), atol=0.15)


@pytest.mark.parametrize("line", rest_of_hydrogen)
def test_white_dwarfs_have_balmer_lines_at_rest_in_vacuum(line):
    found = [extreme(f, rest_of_hydrogen[line], 60, -1) for f in draws(stars.white_dwarf, 40, None)]
    deep = [position for position, depth in found if depth < 0.85]
    assert len(deep) > 10
    assert np.median(deep) == pytest.approx(rest_of_hydrogen[line], abs=0.8)


@needs_grids
def test_stars_move_by_a_few_hundred_km_per_s():
    found = [extreme(flux, 3934.8, 12, -1) for flux in draws(stars.star, 150, library())]
    deep = np.array([position for position, depth in found if depth < 0.8])
    assert len(deep) > 30
    assert np.median(deep) == pytest.approx(3934.8, abs=1.2)
    spread = 1.48 * np.median(np.abs(deep - np.median(deep))) / 3934.8 * 299792
    assert 80 < spread < 300  # km/s


def test_titanium_oxide_makes_m_stars_drop_at_7053():
    flux = draws(stars.cool, 40, None)
    edge = [mean(f, 7060, 7080) / mean(f, 7030, 7050) for f in flux]
    assert np.median(edge) < 0.9
    tio5 = np.array([mean(f, 7128, 7137) / mean(f, 7044, 7048) for f in flux])
    assert 0.25 < np.median(tio5) < 0.7
    assert tio5.max() > 0.8  # M0
    assert tio5.min() > 0.1


def test_swan_bands_fade_to_the_blue():
    edge = [mean(f, 5145, 5163) / mean(f, 5170, 5188) for f in draws(stars.carbon_star, 20, None)]
    assert np.median(edge) < 0.8


@pytest.mark.parametrize(("z", "line", "tolerance"), [(2.5, 1549.1, 6), (1.2, 2798.8, 2), (0.4, 4862.7, 2)])
def test_broad_lines_of_quasars_are_where_the_redshift_puts_them(z, line, tolerance):
    flux = [quasars.quasar_at(z, np.random.default_rng(seed)) for seed in range(40)]
    position, height = np.transpose([extreme(f, line * (1 + z), 90 * (1 + z), 1) for f in flux])
    assert np.median(position) / (1 + z) == pytest.approx(line, abs=tolerance)
    assert np.median(height) > 1.3


def test_lyman_alpha_forest_lets_through_what_was_measured():
    redshift = WAVELENGTH / quasars.LYMAN_ALPHA - 1
    for z in (2.6, 3.2):
        seen = (redshift > z - 0.1) & (redshift < z)
        through = [quasars._forest(z + 0.1, np.random.default_rng(seed))[seen].mean() for seed in range(60)]
        assert np.median(through) == pytest.approx(np.exp(-0.0023 * (1 + z) ** 3.65), abs=0.07)


def test_quasars_are_of_both_narrow_and_broad_lines():
    widths = []
    for seed in range(60):
        flux = quasars.quasar_at(1.5, np.random.default_rng(seed))
        x = WAVELENGTH[at(6600, 7400)] / 2.5
        y = flux[at(6600, 7400)]
        line = np.clip(y / np.interp(x, [x[0], x[-1]], [y[:50].mean(), y[-50:].mean()]) - 1, 0, None)
        widths.append((line > 0.5 * line.max()).sum() * spectra.STEP / 2.5 / 2798.8 * 3e5)
    assert np.percentile(widths, 10) < 2500
    assert np.percentile(widths, 70) > 3500


@needs_grids
def test_distant_galaxies_have_oxygen_where_their_redshift_puts_it(galaxies):
    flux, z = galaxies
    emission = [extreme(f, 3728.5 * (1 + one), 25, 1)[1] for f, one in zip(flux, z, strict=True)]
    strongest = int(np.argmax(emission))
    assert emission[strongest] > 1.5
    moved = others.distant_at(1.2, np.random.default_rng(1), flux[strongest], z[strongest])
    assert extreme(moved, 3728.5 * 2.2, 50, 1)[0] == pytest.approx(3728.5 * 2.2, abs=4)


@needs_grids
def test_distant_galaxies_continue_into_the_ultraviolet(galaxies):
    flux, z = galaxies
    for seed in range(20):
        one = others.distant(np.random.default_rng(seed), flux[seed], z[seed])
        first = np.searchsorted(WAVELENGTH, 3600 * 1.88 / (1 + z[seed]))
        if first > 100:
            assert one[:first].min() > 0
            assert 0.2 < one[first - 60 : first].mean() / one[first : first + 60].mean() < 3


@pytest.mark.parametrize("z", [0.0, 0.87])
def test_distant_galaxies_may_come_from_any_redshift_of_the_survey(z):
    for new_z in others.Z_DISTANT:
        one = others.distant_at(new_z, np.random.default_rng(1), np.linspace(1, 2, len(WAVELENGTH)), z)
        assert np.isfinite(one).all()
        assert one.min() > 0


def test_scrambled_spectra_keep_their_pixels_and_no_wavelength():
    flux = np.arange(1, 7782, dtype=np.float32)
    for seed in range(40):
        one = others.scrambled(np.random.default_rng(seed), flux)
        np.testing.assert_allclose(np.sort(one), flux / flux.mean(), rtol=1e-5)
        assert (one[0], one[-1]) != (flux[0] / flux.mean(), flux[-1] / flux.mean())
        assert np.mean(np.isclose(one, flux / flux.mean())) < 0.5


def test_featureless_spectra_are_smooth_in_most_pixels():
    flux = np.array(draws(others.featureless, 40))
    step = np.abs(np.diff(flux, axis=1)) / flux[:, 1:]
    assert np.median(step) < 1e-3


@pytest.fixture(scope="module")
def cutouts():
    return others.draw_images(40, bank(), np.random.default_rng(1))


@needs_grids
def test_images_are_cutouts_in_the_documented_shares(cutouts):
    assert cutouts.shape == (40, 152, 152, 3)
    assert cutouts.dtype == np.float32
    assert np.isfinite(cutouts).all()
    empty = (cutouts == 0).all((1, 2)).sum(1)
    assert np.bincount(empty, minlength=3).tolist() == [38, 0, 2]
    centre = cutouts[:, 73:80, 73:80, 1].sum((1, 2)) - 49 * np.median(cutouts[..., 1], (1, 2))
    assert 12 <= (centre > 0.5).sum() <= 18  # stars brighter than 23


@needs_grids
def test_same_seed_same_images(cutouts):
    np.testing.assert_array_equal(others.draw_images(40, bank(), np.random.default_rng(1)), cutouts)


@needs_grids
def test_blank_sky_is_as_noisy_as_the_survey():
    sky = [others._image("blank", bank(), np.random.default_rng(seed)).std((0, 1)) for seed in range(30)]
    expected = [location + scale for _, location, scale in images.PIXEL_NOISE]
    np.testing.assert_allclose(np.median(sky, 0), expected, rtol=0.2)


@needs_grids
def test_stars_are_points_in_the_middle_from_faint_to_saturated():
    peaks = []
    for seed in range(40):
        image = others._image("star", bank(), np.random.default_rng(seed))
        middle = image[70:83, 70:83].max((0, 1))
        peaks.append(middle[1])
        assert (middle < others._SATURATION * 1.2).all()  # a neighbour or noise on top
    assert min(peaks) < 0.3
    assert max(peaks) > 9
