"""Figures made from tables alone: training, ledger, zero-shot, projection, clusters, predictions."""

import numpy as np
import pandas as pd
import pytest
from factories_results import make_results
from matplotlib.text import Text

from galaxypair import io, tables
from galaxypair.figures import clusters, ledger, predictions, projection, style, training, zeroshot


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("run"), n=40)


def texts(figure):
    return " | ".join(t.get_text() for t in figure.findobj(Text))


def spaces(run, pattern):
    return {s: io.read_table(run / pattern.format(s)) for s in tables.SPACES}


@style.styled  # as when it is saved: ticks are made on drawing
def check_sizes(figure):
    """No text below 7 pt, nothing of the layout beyond the page."""
    for _ in range(2):
        figure.draw_without_rendering()
    sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    assert min(sizes) >= 7
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 > -0.02
    assert box.y0 > -0.02
    assert box.x1 < width + 0.02
    assert box.y1 < height + 0.02


# --- training ------------------------------------------------------------------------------------


def test_training_marks_best_epoch_and_random_guess(run):
    history = io.read_table(run / "model/history.csv")
    figure = training.curves(history)
    check_sizes(figure)
    best = history.loc[history["val_loss"].idxmin(), "epoch"]
    assert f"epoch {best}" in texts(figure)
    assert "random guess" in texts(figure)


def test_training_of_a_small_val_split_shows_both_guesses(run):
    history = io.read_table(run / "model/history.csv")
    assert "random guess, train" not in texts(training.curves(history))
    both = texts(training.curves(history.assign(chance_val_loss=3.0)))
    assert "random guess, train" in both and "random guess, validation" in both


# --- ledger --------------------------------------------------------------------------------------


def test_ledger_counts_every_galaxy_once(run):
    table = io.read_table(run / "dataset/ledger.parquet")
    figure = ledger.bars(table)
    check_sizes(figure)
    top, bottom = figure.axes
    assert sum(bar.get_width() for bar in top.patches) == len(table)
    assert sum(bar.get_width() for bar in bottom.patches) == (~table["kept"]).sum()
    assert "z out of range" in texts(figure)


def test_ledger_with_nothing_left_out_and_with_nothing_at_all(run):
    table = io.read_table(run / "dataset/ledger.parquet")
    assert "none was left out" in texts(ledger.bars(table[table["kept"]]))
    assert "no galaxy" in texts(ledger.bars(table.iloc[:0]))


# --- zero-shot -----------------------------------------------------------------------------------


def test_zeroshot_prints_the_numbers_of_the_table(run):
    metrics = io.read_table(run / "metrics/zeroshot.csv")
    figure = zeroshot.panels(io.read_table(run / "metrics/zeroshot_predictions.parquet"), metrics, "z")
    check_sizes(figure)
    assert texts(figure).count("$R^2$ = 0.70 [0.68, 0.73]") == 4
    assert "n = 40" in texts(figure)


def test_zeroshot_puts_each_pair_in_its_panel(run):
    metrics = io.read_table(run / "metrics/zeroshot.csv")
    picked = (metrics["query"] == "image") & (metrics["reference"] == "spectrum")
    metrics.loc[picked & (metrics["metric"] == "r2"), ["value", "low", "high"]] = (0.11, 0.10, 0.12)
    table = io.read_table(run / "metrics/zeroshot_predictions.parquet")
    upper_right = zeroshot.panels(table, metrics, "z").axes[1]
    assert upper_right.get_title() == "reference: spectrum"
    assert any("0.11" in t.get_text() for t in upper_right.texts)


def test_zeroshot_without_the_property_says_so(run):
    table = io.read_table(run / "metrics/zeroshot_predictions.parquet")
    figure = zeroshot.panels(
        table[table["target"] == "z"], io.read_table(run / "metrics/zeroshot.csv"), "log_mstar"
    )
    assert "No galaxy of the test split" in texts(figure)


def test_zeroshot_of_one_modality_has_one_panel_and_one_line_of_the_legend(run):
    metrics = io.read_table(run / "metrics/zeroshot.csv").query("query == reference == 'spectrum'")
    table = io.read_table(run / "metrics/zeroshot_predictions.parquet")
    own = table[(table["query"] == "spectrum") & (table["reference"] == "spectrum")]
    panel = zeroshot.panels(own, metrics, "z").axes[0]
    assert (panel.get_title(), panel.get_ylabel()) == ("reference: spectrum", "query: spectrum")
    (legend,) = zeroshot.summary(metrics).legends
    assert len(legend.get_texts()) == 1


def test_zeroshot_summary_keeps_very_bad_scores_on_the_page(run):
    metrics = io.read_table(run / "metrics/zeroshot.csv")
    metrics.loc[0, ["value", "low", "high"]] = (-30.0, -40.0, -20.0)
    figure = zeroshot.summary(metrics)
    check_sizes(figure)
    assert figure.axes[0].get_xlim()[0] >= zeroshot.LOWEST_R2 - 0.1
    arrows = [line for line in figure.axes[0].lines if line.get_marker() == "<"]
    assert [x for arrow in arrows for x in arrow.get_xdata()] == [zeroshot.LOWEST_R2]


def test_zeroshot_summary_without_scores_says_so(run):
    assert "No property" in texts(zeroshot.summary(io.read_table(run / "metrics/zeroshot.csv").iloc[:0]))


# --- projection ----------------------------------------------------------------------------------


def test_projection_counts_galaxies_with_and_without_the_property(run):
    catalogue = io.read_table(run / "crossmatch/properties.parquet")
    figure = projection.coloured(spaces(run, "projections/umap_{}.parquet"), catalogue, "log_mstar")
    check_sizes(figure)
    assert f"40 test galaxies, {catalogue['log_mstar'].notna().sum()} of them" in texts(figure)


def test_projection_joins_by_targetid_not_by_row(run):
    places = spaces(run, "projections/umap_{}.parquet")
    catalogue = io.read_table(run / "crossmatch/properties.parquet")
    shuffled = projection.coloured(places, catalogue.sample(frac=1, random_state=3), "z")
    for one, two in zip(projection.coloured(places, catalogue, "z").axes, shuffled.axes, strict=True):
        if len(one.collections) > 1:
            np.testing.assert_array_equal(one.collections[1].get_array(), two.collections[1].get_array())


def test_projection_without_the_property_draws_grey_points(run):
    catalogue = io.read_table(run / "crossmatch/properties.parquet", ["targetid"])
    figure = projection.coloured(spaces(run, "projections/umap_{}.parquet"), catalogue, "log_mstar")
    assert "0 of them" in texts(figure)


def test_projection_of_nothing_says_so(run):
    places = {s: p.iloc[:0] for s, p in spaces(run, "projections/umap_{}.parquet").items()}
    figure = projection.coloured(places, io.read_table(run / "crossmatch/properties.parquet"), "z")
    assert "No galaxy was projected" in texts(figure)


# --- clusters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["kmeans", "dbscan"])
def test_clusters_are_numbered_and_noise_is_told(run, method):
    labels = spaces(run, f"clusters/{method}_{{}}.parquet")
    figure = clusters.panels(spaces(run, "projections/umap_{}.parquet"), labels, method)
    check_sizes(figure)
    assert "4 clusters" in texts(figure)
    assert ("noise" in texts(figure)) is (method == "dbscan")


def test_scan_rings_the_best_silhouette(run):
    scans = spaces(run, "metrics/kmeans_scan_{}.csv")
    figure = clusters.scan(scans)
    check_sizes(figure)
    rings = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    best = [t.loc[t["silhouette"].idxmax(), "k"] for t in scans.values()]
    assert [ring.get_xdata()[0] for ring in rings] == best


def test_scan_without_silhouette_says_so(run):
    scans = {s: t.assign(silhouette=np.nan) for s, t in spaces(run, "metrics/kmeans_scan_{}.csv").items()}
    assert "Too few galaxies" in texts(clusters.scan(scans))


def test_cluster_properties_survive_a_missing_mass(run):
    labels = io.read_table(run / "clusters/kmeans_image.parquet")
    catalogue = io.read_table(run / "crossmatch/properties.parquet")
    figure = clusters.properties(labels, catalogue, "image")
    check_sizes(figure)
    without = clusters.properties(labels, catalogue[["targetid", "z"]], "image")
    assert len(without.axes) == len(figure.axes) / 2
    assert "n = 0" not in texts(without)


@pytest.mark.parametrize("spaces", [["image"], ["spectrum"], list(tables.SPACES)])
def test_projections_and_clusters_have_a_panel_for_each_space_that_there_is(run, spaces):
    projections = {s: io.read_table(run / f"projections/umap_{s}.parquet") for s in spaces}
    labels = {s: io.read_table(run / f"clusters/kmeans_{s}.parquet") for s in spaces}
    catalogue = io.read_table(run / "crossmatch/properties.parquet")
    for figure in (
        projection.coloured(projections, catalogue, "z"),
        clusters.panels(projections, labels, "kmeans"),
    ):
        titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
        assert [title.partition(" (n")[0] for title in titles] == [projection.TITLES[s] for s in spaces]


# --- predictions ---------------------------------------------------------------------------------


def own_galaxies(n, known):
    rng = np.random.default_rng(1)
    z = rng.uniform(0.05, 0.4, n)
    table = pd.DataFrame({"id": [f"galaxy {i}" for i in range(n)]})
    table["z_true"] = np.where(np.arange(n) < known, z, np.nan)
    for modality in tables.MODALITIES:
        table[f"z_{modality}"] = z + 0.01
        table[f"z_{modality}_low"], table[f"z_{modality}_high"] = z, z + 0.02
    return table


@pytest.mark.parametrize(("known", "panels"), [(6, 2), (0, 1), (4, 3)])
def test_predictions_show_truth_where_known_and_names_where_not(known, panels):
    figure = predictions.panels(own_galaxies(6, known))
    check_sizes(figure)
    assert len(figure.axes) == panels
    assert ("galaxy 5" in texts(figure)) is (known < 6)


def test_predictions_of_images_alone_are_drawn():
    table = own_galaxies(3, 3).assign(z_spectrum=np.nan)
    assert "from spectrum (n = 0)" in texts(predictions.panels(table))


def test_predictions_of_nothing_say_where_the_reason_stands():
    table = own_galaxies(3, 3).assign(z_spectrum=np.nan, z_image=np.nan)
    assert "reason" in texts(predictions.panels(table)).replace("\n", " ")


def test_every_figure_has_its_sample_in_the_header(run):
    note = predictions.panels(own_galaxies(6, 4)).texts[0].get_text()
    assert note == "6 galaxies of your own, 4 with a known redshift"
    assert style.empty("why").texts[0].get_text() == "0 galaxies"
