"""Figures made from tables alone: training, ledger, zero-shot, projection, clusters, predictions."""

import numpy as np
import pandas as pd
import pytest
from factories_results import make_results
from matplotlib.colors import LogNorm
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from galaxypair import io, tables
from galaxypair.figures import (
    cluster_information,
    cluster_properties,
    clusters,
    ledger,
    predictions,
    projection,
    style,
    training,
    zeroshot,
)


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


def test_projection_of_categories_has_a_list_of_them(run):
    places = spaces(run, "projections/umap_{}.parquet")
    ids = places["image"]["targetid"]
    for values, names in (
        (ids % 2 == 0, ["False", "True"]),
        (ids % 3, ["0", "1", "2"]),
        (ids.map(lambda i: None if i == 1 else "ABCDEFGHIJKL"[i % 12]), [*"ABCDEFGHIJKL"]),
    ):
        figure = projection.coloured(places, pd.DataFrame({"targetid": ids, "kind": values}), "kind")
        check_sizes(figure)
        (legend,) = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
        listed = [t.get_text() for t in legend.get_texts()]
        many = len(names) > projection.MOST_CATEGORIES
        assert set(listed) - {projection.OTHER} <= set(names)
        assert len(listed) == (projection.MOST_CATEGORIES + 1 if many else len(names))
    assert "39 of them" in texts(figure)


def test_projection_is_logarithmic_over_many_decades_alone():
    wide = pd.Series(np.logspace(-3, 2, 50))
    assert isinstance(projection.colouring(wide, "avg_sfr").norm, LogNorm)
    for values in (wide - 1, pd.Series(np.linspace(0.01, 0.9, 50)), pd.Series(dtype=float)):
        assert not isinstance(projection.colouring(values, "x").norm, LogNorm)


def test_derived_properties_are_added_to_the_catalogue_for_the_galaxies_that_have_them(run):
    catalogue = io.read_table(run / "crossmatch/properties.parquet")
    values = io.read_table(run / "clusters/properties.parquet").iloc[::-2]
    joined = projection.with_derived(catalogue, values)
    assert list(joined.columns) == [*catalogue.columns, "g_r"]
    assert joined["targetid"].equals(catalogue["targetid"])
    assert joined["g_r"].notna().sum() == len(values)


def test_components_name_the_variance_that_they_explain(run):
    catalogue = io.read_table(run / "crossmatch/properties.parquet")
    planes, shares = spaces(run, "projections/pca_{}.parquet"), spaces(run, "metrics/pca_{}.csv")
    figure = projection.components(planes, shares, catalogue, "log_mstar")
    check_sizes(figure)
    assert "PC 1 (40 %)" in texts(figure)
    assert "PC 4 (5 %)" in texts(figure)
    figure = projection.components({"image": planes["image"]}, {"image": shares["image"]}, catalogue, "z")
    check_sizes(figure)
    none = {s: p.iloc[:0] for s, p in planes.items()}
    assert "No galaxy was projected" in texts(projection.components(none, shares, catalogue, "z"))


# --- clusters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", tables.CLUSTER_METHODS)
def test_clusters_are_numbered_and_noise_and_radius_are_told(run, method):
    labels = spaces(run, f"clusters/{method}_{{}}.parquet")
    told = spaces(run, "metrics/clusterings_{}.csv")
    figure = clusters.panels(spaces(run, "projections/umap_{}.parquet"), labels, told, method)
    check_sizes(figure)
    assert "4 clusters" in texts(figure)
    assert ("noise" in texts(figure)) is (method != "kmeans")
    assert ("\N{GREEK SMALL LETTER EPSILON} = 0.31" in texts(figure)) is (method == "dbscan")


def alone(run, labels, method):
    plane = io.read_table(run / "projections/umap_both.parquet")
    return clusters.alone(plane, labels, io.read_table(run / "metrics/clusterings_both.csv"), method, "both")


@pytest.mark.parametrize("method", tables.CLUSTER_METHODS)
def test_clusters_alone_are_listed_with_their_sizes(run, method):
    labels = io.read_table(run / f"clusters/{method}_both.parquet")
    figure = alone(run, labels, method)
    check_sizes(figure)
    for size in labels["cluster"].value_counts():
        assert f"{size} ({size / 40:.1%})" in texts(figure)
    assert ("| noise |" in texts(figure)) is (method != "kmeans")


def test_clusters_alone_list_the_largest_of_many(run):
    labels = pd.DataFrame({"targetid": np.arange(1, 41), "cluster": np.arange(40) // 2})
    figure = alone(run, labels, "kmeans")
    check_sizes(figure)
    assert f"and {20 - clusters.LISTED} more" in texts(figure)


def test_number_of_a_curved_cluster_stands_within_it():
    angle = np.linspace(0, 2 * np.pi, 50)
    ring = pd.DataFrame({"x": np.cos(angle), "y": np.sin(angle), "cluster": 0})
    assert np.hypot(*clusters.anchors(ring).loc[0]) == pytest.approx(1)


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


@pytest.mark.parametrize("method", tables.CLUSTER_METHODS)
def test_cluster_properties_have_a_histogram_and_a_box_per_cluster(run, method):
    labels = io.read_table(run / f"clusters/{method}_image.parquet")
    values = io.read_table(run / "clusters/properties.parquet")
    figure = cluster_properties.distributions(labels, values, method, "image")
    check_sizes(figure)
    assert len(figure.axes) == 3
    for axes in figure.axes:
        assert len([p for p in axes.patches if isinstance(p, StepPatch)]) == 4
        assert len([line for line in axes.lines if line.get_color() == style.INK]) == 4
    mass = values[labels["cluster"].to_numpy() >= 0]["log_mstar"].notna().sum()
    assert f"n = {mass}" in texts(figure)


def test_cluster_properties_leave_out_what_nobody_has(run):
    labels = io.read_table(run / "clusters/kmeans_image.parquet")
    values = io.read_table(run / "clusters/properties.parquet").assign(log_mstar=np.nan)
    figure = cluster_properties.distributions(labels, values, "kmeans", "image")
    assert len([axes for axes in figure.axes if axes.get_visible()]) == 2
    none = cluster_properties.distributions(labels, values[["targetid"]], "kmeans", "image")
    assert "known property" in texts(none).replace("\n", " ")
    noise = cluster_properties.distributions(labels.assign(cluster=-1), values, "dbscan", "image")
    assert "No galaxy is in" in texts(noise)


@pytest.mark.parametrize("names", [["z"], [f"p{i}" for i in range(7)]])
def test_cluster_properties_fit_for_one_property_or_many(names):
    rng = np.random.default_rng(0)
    values = pd.DataFrame({"targetid": np.arange(1, 41)} | {n: rng.lognormal(size=40) for n in names})
    labels = pd.DataFrame({"targetid": np.arange(1, 41), "cluster": np.arange(40) // 4})
    check_sizes(cluster_properties.distributions(labels, values, "kmeans", "both"))


def test_cluster_information_has_a_panel_per_method_and_a_mark_per_space(run):
    scores = io.read_table(run / "metrics/ami.csv")
    figure = cluster_information.panels(scores)
    check_sizes(figure)
    assert [axes.get_title() for axes in figure.axes] == ["k-means", "DBSCAN", "HDBSCAN"]
    for axes in figure.axes:
        assert sum(line.get_label() in projection.TITLES.values() for line in axes.lines) == 3
    own = scores[
        (scores["protocol"] == "dbscan") & (scores["query"] == "image") & (scores["metric"] == "ami")
    ]
    (points,) = [line for line in figure.axes[1].lines if line.get_label() == "image"]
    np.testing.assert_allclose(points.get_xdata(), own["value"])
    assert "No property" in texts(cluster_information.panels(scores.iloc[:0]))


@pytest.mark.parametrize("spaces", [["image"], ["spectrum"], list(tables.SPACES)])
def test_projections_and_clusters_have_a_panel_for_each_space_that_there_is(run, spaces):
    projections = {s: io.read_table(run / f"projections/umap_{s}.parquet") for s in spaces}
    labels = {s: io.read_table(run / f"clusters/kmeans_{s}.parquet") for s in spaces}
    told = {s: io.read_table(run / f"metrics/clusterings_{s}.csv") for s in spaces}
    catalogue = io.read_table(run / "crossmatch/properties.parquet")
    for figure in (
        projection.coloured(projections, catalogue, "z"),
        clusters.panels(projections, labels, told, "kmeans"),
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


def test_names_of_galaxies_are_shown_as_they_are(tmp_path):
    table = own_galaxies(3, 0)
    table["id"] = [r"$\frac$", "a$_b$", "<b>"]  # the first is no formula that could be set
    figure = predictions.panels(table)
    figure.savefig(tmp_path / "drawn.png")
    assert r"$\frac$" in texts(figure)


def test_predictions_of_images_alone_are_drawn():
    table = own_galaxies(3, 3).assign(z_spectrum=np.nan)
    assert "from spectrum (n = 0)" in texts(predictions.panels(table))


@pytest.mark.parametrize(("known", "panels"), [(6, 3), (4, 4)])
def test_predictions_that_were_read_off_show_both_modalities_and_uncertain_ones_hollow(known, panels):
    table = own_galaxies(6, known)
    for space in tables.SPACES:
        columns = {f"z_{space}{end}": table[f"z_image{end}"] for end in ("", "_low", "_high")}
        table = table.assign(**columns, **{f"confidence_{space}": 0.9})
    table.loc[:1, "confidence_both"] = 0.7
    figure = predictions.panels(table)
    check_sizes(figure)
    assert len(figure.axes) == panels and "read off the encoders" in texts(figure)
    _, sure, unsure = figure.axes[2].lines  # after the diagonal
    assert (len(sure.get_xdata()), len(unsure.get_xdata())) == (known - 2, 2)
    assert unsure.get_markerfacecolor() == "white"


def test_predictions_of_nothing_say_where_the_reason_stands():
    table = own_galaxies(3, 3).assign(z_spectrum=np.nan, z_image=np.nan)
    assert "reason" in texts(predictions.panels(table)).replace("\n", " ")


def test_every_figure_has_its_sample_in_the_header(run):
    note = predictions.panels(own_galaxies(6, 4)).texts[0].get_text()
    assert note == "6 galaxies of your own, 4 with a known redshift"
    assert style.empty("why").texts[0].get_text() == "0 galaxies"
