"""Figures that show galaxies: examples, clusters, mosaic."""

import itertools

import numpy as np
import pandas as pd
import pytest
from factories_results import make_results
from matplotlib.text import Text

from galaxypair import io, tables
from galaxypair.errors import DataError
from galaxypair.figures import (
    cluster_gallery,
    cluster_spectra,
    galaxies,
    mosaic,
    style,
    umap_annotated,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("run"), n=40)


def texts(figure):
    return " | ".join(t.get_text() for t in figure.findobj(Text))


def roles(run, role):
    file = {"example": "roles", "members": "clusters", "mosaic": "mosaic"}[role]
    table = io.read_table(run / f"gallery/{file}.parquet")
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


@pytest.mark.parametrize("method", tables.CLUSTER_METHODS)
def test_cluster_gallery_has_a_row_per_cluster_with_its_size(run, method):
    chosen = roles(run, "members")
    labels = io.read_table(run / f"clusters/{method}_both.parquet")
    figure = cluster_gallery.gallery(chosen, labels, gallery(run, chosen["targetid"]), method, "both")
    check_page(figure)
    for size in labels["cluster"].value_counts().loc[[0, 1, 2, 3]]:
        assert f"n = {size}" in texts(figure)
    assert len(figure.axes) == len(chosen)


def test_cluster_gallery_shows_each_galaxy_in_the_row_of_its_cluster(run):
    chosen = roles(run, "members").sample(frac=1, random_state=4)
    labels = io.read_table(run / "clusters/kmeans_image.parquet")
    shown = gallery(run, chosen["targetid"])
    figure = cluster_gallery.gallery(chosen, labels, shown, "kmeans", "image")
    row_of = {axes.texts[0].get_text(): axes.get_position().y0 for axes in figure.axes}
    label = labels.set_index("targetid")["cluster"]
    found = {}
    for targetid, z in zip(shown["targetid"], shown["z"], strict=True):
        found.setdefault(label[targetid], set()).add(round(row_of[f"z = {z:.3f}"], 6))
    assert all(len(rows) == 1 for rows in found.values())
    assert len(set.union(*found.values())) == 4


def test_cluster_gallery_of_nothing_says_so(run):
    chosen = roles(run, "members").iloc[:0]
    labels = io.read_table(run / "clusters/kmeans_image.parquet")
    figure = cluster_gallery.gallery(chosen, labels, {}, "kmeans", "image")
    assert "No galaxy is in a cluster" in texts(figure)


def median_spectra(run, method="kmeans"):
    return io.read_arrays(run / f"clusters/median_spectra_{method}_image.h5")


def test_cluster_spectra_have_a_row_per_cluster_and_name_their_lines(run):
    figure = cluster_spectra.medians(median_spectra(run, "dbscan"), 40, "dbscan", "image")
    check_page(figure)
    assert len(figure.axes) == 4
    top, *others = figure.axes
    assert "H\N{GREEK SMALL LETTER ALPHA}" in [t.get_text() for t in top.texts]
    assert [t.get_text() for axes in others for t in axes.texts] == []


def test_names_of_lines_do_not_touch(run):
    figure = cluster_spectra.medians(median_spectra(run), 40, "kmeans", "image")
    figure.draw_without_rendering()
    boxes = sorted((t.get_window_extent() for t in figure.axes[0].texts), key=lambda box: box.x0)
    assert len(boxes) > 7
    assert all(one.x1 < two.x0 for one, two in itertools.pairwise(boxes))


def test_cluster_spectra_say_what_is_not_there(run):
    spectra = median_spectra(run)
    spectra["median"][1] = np.nan
    assert "no spectrum with a redshift" in texts(cluster_spectra.medians(spectra, 40, "kmeans", "image"))
    none = {name: values[:0] for name, values in spectra.items()}
    assert "No galaxy is in a cluster" in texts(cluster_spectra.medians(none, 40, "kmeans", "image"))


def annotated(run, wanted=None, method="kmeans"):
    chosen = roles(run, "members").sample(frac=1, random_state=4)
    return umap_annotated.around(
        io.read_table(run / "projections/umap_image.parquet"),
        io.read_table(run / f"clusters/{method}_image.parquet"),
        chosen,
        gallery(run, chosen["targetid"]),
        median_spectra(run, method),
        wanted=wanted,
        method=method,
        space="image",
    )


@pytest.mark.parametrize("method", tables.CLUSTER_METHODS)
@pytest.mark.parametrize(("wanted", "n"), [(None, 4), ([2], 1), ([0, 3, 7], 2), ([3, 1, 0], 3)])
def test_annotated_map_has_a_block_of_tiles_and_spectrum_per_cluster(run, method, wanted, n):
    figure = annotated(run, wanted, method)
    check_page(figure)
    assert len(figure.axes) == 1 + n * (umap_annotated.TILES + 1)
    assert len(figure.artists) == n


def test_annotated_map_shows_galaxies_of_the_cluster_that_it_names(run, monkeypatch):
    drawn, draw = [], umap_annotated._draw_block

    def block(figure, cluster, **parts):
        drawn.append((cluster, parts["images"]))
        return draw(figure, cluster, **parts)

    monkeypatch.setattr(umap_annotated, "_draw_block", block)
    annotated(run)
    label = io.read_table(run / "clusters/kmeans_image.parquet").set_index("targetid")["cluster"]
    everything = gallery(run, label.index.to_numpy())["image"]
    assert sorted(cluster for cluster, _ in drawn) == [0, 1, 2, 3]
    for cluster, images in drawn:
        for image in images:
            (row,) = np.flatnonzero((everything == image).all(axis=(1, 2, 3)))
            assert label.iloc[row] == cluster


def test_annotated_map_without_its_clusters_says_so(run):
    assert "None of the clusters wanted is there" in texts(annotated(run, [8])).replace("\n", " ")


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
    chosen = roles(run, "mosaic").head(2)
    shown = gallery(run, chosen["targetid"])
    shown["image"][:] = np.nan
    assert "No galaxy with an image" in texts(mosaic.mosaic(chosen, shown, 4, "image"))
