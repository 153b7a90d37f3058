"""Figures that show galaxies: examples, clusters, mosaic."""

import numpy as np
import pandas as pd
import pytest
from factories_results import make_results
from matplotlib.text import Text

from galaxypair import io, tables
from galaxypair.errors import DataError
from galaxypair.figures import cluster_gallery, galaxies, mosaic, style


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("run"), n=40)


def texts(figure):
    return " | ".join(t.get_text() for t in figure.findobj(Text))


def roles(run, role):
    table = io.read_table(run / "gallery/roles.parquet")
    return table[table["role"] == role]


def gallery(run, targetid):
    return io.read_gallery(run / "gallery/gallery.h5", targetid)


def check_page(figure):
    """All axes on the page, no two of them overlapping."""
    boxes = [axes.get_position().extents for axes in figure.axes]
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        assert min(x0, y0) >= 0
        assert max(x1, y1) <= 1
        for a0, b0, a1, b1 in boxes[i + 1 :]:
            assert a1 <= x0 + 1e-9 or a0 >= x1 - 1e-9 or b1 <= y0 + 1e-9 or b0 >= y1 - 1e-9


# --- the gallery file ----------------------------------------------------------------------------


def test_gallery_comes_in_the_order_asked_for_and_may_repeat(run):
    read = gallery(run, np.array([7, 3, 7]))
    everything = gallery(run, np.arange(1, 41))
    np.testing.assert_array_equal(read["targetid"], [7, 3, 7])
    np.testing.assert_array_equal(read["image"], everything["image"][[6, 2, 6]])
    np.testing.assert_array_equal(read["z"], everything["z"][[6, 2, 6]])


def test_gallery_names_a_galaxy_that_it_lacks(run):
    with pytest.raises(
        DataError, match=r"1 of the 2 galaxies asked for are not in it \(first: TARGETID 999\)"
    ):
        gallery(run, np.array([1, 999]))


# --- spectra -------------------------------------------------------------------------------------


def test_wavelengths_are_those_of_the_survey():
    assert galaxies.WAVELENGTH[0] == 3600
    assert galaxies.WAVELENGTH[-1] == 9824
    assert np.allclose(np.diff(galaxies.WAVELENGTH), 0.8)


def test_smoothing_keeps_constants_and_gaps():
    flux = np.full(50, 2.0)
    flux[20:25] = 0
    out = galaxies.smooth(galaxies.without_gaps(flux), 7)
    assert np.isnan(out[20:25]).all()
    np.testing.assert_allclose(np.delete(out, range(20, 25)), 2)


def test_lines_are_marked_where_they_are_observed():
    axes = style.new_figure(3, 2, "").subplots()
    galaxies.mark_lines(axes, 0.1, named=True)
    places = {t.get_text(): t.get_position()[0] for t in axes.texts}
    assert places["H\N{GREEK SMALL LETTER ALPHA}"] == pytest.approx(6564.6 * 1.1)
    galaxies.mark_lines(axes, np.nan, named=True)
    assert len(axes.texts) == len(places)


def test_rest_spectrum_puts_a_line_at_its_rest_wavelength():
    flux = np.ones(tables.N_WAVELENGTH)
    flux[np.abs(galaxies.WAVELENGTH - 5008.2 * 1.3) < 5] = 20
    rest = cluster_gallery.rest_spectrum(flux, 0.3)
    assert cluster_gallery.REST[np.nanargmax(rest)] == pytest.approx(5008, abs=5)
    assert np.isnan(cluster_gallery.rest_spectrum(flux, np.nan)).all()
    assert np.isnan(cluster_gallery.rest_spectrum(np.zeros_like(flux), 0.3)).all()


# --- figures -------------------------------------------------------------------------------------


def test_examples_show_each_galaxy_with_its_redshift(run):
    shown = gallery(run, roles(run, "example")["targetid"].head(3))
    figure = galaxies.examples(shown)
    check_page(figure)
    assert all(f"z = {z:.4f}" in texts(figure) for z in shown["z"])


def test_examples_show_what_a_galaxy_lacks(run):
    shown = gallery(run, np.array([1, 2]))
    shown["image"][0], shown["spectrum"][1], shown["z"][1] = np.nan, np.nan, np.nan
    found = texts(galaxies.examples(shown))
    assert "no image" in found
    assert "no spectrum" in found
    assert "z unknown" in found


@pytest.mark.parametrize("space", tables.MODALITIES)
def test_cluster_gallery_has_a_row_per_cluster_with_its_size(run, space):
    chosen = roles(run, f"kmeans_{space}")
    members = io.read_table(run / f"clusters/kmeans_{space}.parquet")
    figure = cluster_gallery.gallery(chosen, members, gallery(run, chosen["targetid"]), space)
    check_page(figure)
    assert texts(figure).count("n = 10") == 4
    assert len(figure.axes) == (4 if space == "spectrum" else len(chosen))


def test_cluster_gallery_of_nothing_says_so(run):
    chosen = roles(run, "kmeans_image").iloc[:0]
    members = io.read_table(run / "clusters/kmeans_image.parquet")
    assert "No galaxy was clustered" in texts(cluster_gallery.gallery(chosen, members, {}, "image"))


def test_mosaic_puts_each_tile_in_its_cell(run):
    chosen = pd.DataFrame({"targetid": [1], "cell_x": [2], "cell_y": [0]})
    shown = gallery(run, chosen["targetid"])
    canvas = mosaic.mosaic(chosen, shown, 4, "image").axes[0].images[0].get_array()
    side = shown["image"].shape[1]
    assert canvas.shape == (4 * side, 4 * side, 3)
    assert (canvas[:side, 2 * side : 3 * side] < 1).any()
    canvas[:side, 2 * side : 3 * side] = 1
    assert (canvas == 1).all()


def test_mosaic_without_images_says_so(run):
    chosen = roles(run, "mosaic_image").head(2)
    shown = gallery(run, chosen["targetid"])
    shown["image"][:] = np.nan
    assert "No galaxy with an image" in texts(mosaic.mosaic(chosen, shown, 4, "image"))
