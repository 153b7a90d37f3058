"""Figures of retrieval: what they show, where lines lie, and that they hold at every size of a survey."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories_results import make_results
from matplotlib.text import Text
from test_figures_gallery import check_page

from galaxypair import io, tables
from galaxypair.errors import ConfigError
from galaxypair.figures import galaxies, retrieval, retrieval_scores, retrieval_spectra, style
from galaxypair.retrieval import PAIRS

ARROW = " \N{RIGHTWARDS ARROW} "


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("run"), n=64, crop_px=16)


@pytest.fixture(scope="module")
def neighbours(run):
    return io.read_table(run / "metrics/retrieval_neighbours.parquet")


def gallery(run, rows):
    return io.read_gallery(run / "gallery/gallery.h5", np.unique(rows[["targetid", "neighbour"]]))


def texts(figure):
    return " | ".join(t.get_text() for t in figure.findobj(Text))


def framed(figure, colour):
    return [a for a in figure.axes if style.mpl.colors.same_color(a.spines["top"].get_edgecolor(), colour)]


# --- image grids ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("query", "reference"), PAIRS)
def test_grid_marks_the_query_and_its_other_half(run, neighbours, query, reference):
    rows = retrieval.shown(neighbours, query, reference)
    rows = rows[rows["targetid"].isin([1, 2])]
    figure = retrieval.grid(rows, gallery(run, rows), query, reference)
    check_page(figure)
    per_cell = 1 if query == reference == "image" else 2
    assert len(figure.axes) == 2 * 6 * per_cell
    assert len(framed(figure, style.MARK)) == 2 * per_cell
    halves = (rows["targetid"] == rows["neighbour"]).sum()
    assert len(framed(figure, style.MODALITY_COLOURS["both"])) == per_cell * halves
    assert bool(halves) is (query != reference)
    assert all(text in texts(figure) for text in ("query", "rank 1", "rank 5", "cos 0.90", "z = "))


def test_grid_sorts_by_query_then_rank_and_leaves_the_single_galaxy_out(neighbours):
    rows = retrieval.shown(neighbours.sample(frac=1, random_state=2), "image", "spectrum")
    assert rows.groupby("targetid", sort=False)["rank"].apply(list).map(lambda r: r == sorted(r)).all()
    assert sorted(rows["targetid"].unique()) == [1, 2, 3, 4]
    assert rows["targetid"].nunique() == (rows["targetid"] != rows["targetid"].shift()).sum()
    assert rows["rank"].max() == retrieval.MAX_NEIGHBOURS


def test_all_pairs_of_the_single_galaxy_stand_in_one_figure(run, neighbours):
    rows = retrieval.single(neighbours)
    figure = retrieval.together(rows, gallery(run, rows))
    check_page(figure)
    assert len(figure.axes) == 6 * (1 + 2 + 2 + 2)
    assert all(f"{q} query{ARROW}{r} references" in texts(figure) for q, r in PAIRS)
    assert "TARGETID 5" in texts(figure)


def test_page_of_images_begins_with_the_query_and_follows_the_ranks(run, neighbours):
    rows = retrieval.single_images(neighbours.sample(frac=1, random_state=2))
    assert rows["rank"].tolist() == list(range(1, 64))
    shown = gallery(run, rows)
    figure = retrieval.image_grid(rows, shown)
    check_page(figure)
    assert len(figure.axes) == 64
    assert framed(figure, style.MARK) == figure.axes[:1]
    corner = [[t.get_text() for t in axes.texts] for axes in figure.axes]
    z = dict(zip(shown["targetid"], shown["z"], strict=True))
    assert corner[0] == [f"z = {z[5]:.3f}", "query"]
    assert corner[63] == [f"z = {z[rows['neighbour'].iloc[-1]]:.3f}", "63"]


def test_page_of_few_images_is_shorter(run, neighbours):
    rows = retrieval.single_images(neighbours)
    figure = retrieval.image_grid(rows.head(9), gallery(run, rows))
    check_page(figure)
    assert len(figure.axes) == 10
    assert figure.get_figheight() < style.PAGE_IN / 3


@pytest.mark.parametrize("n", [1, 4, 7])
def test_query_images_name_each_galaxy(run, n):
    targetid = np.arange(n) + 11
    shown = io.read_gallery(run / "gallery/gallery.h5", targetid)
    figure = retrieval.query_images(shown, total=20)
    check_page(figure)
    assert len(figure.axes) == 2 * n
    assert all(f"TARGETID {t}" in texts(figure) for t in targetid)
    assert f"20 query galaxies of the test split, the first {n} shown" in texts(figure)


def test_portraits_follow_the_order_of_the_queries(neighbours):
    many = pd.concat([neighbours.assign(targetid=neighbours["targetid"] + 10 * i) for i in (3, 0, 1)])
    shown, total = retrieval.portraits(many)
    assert shown.tolist() == [31, 32, 33, 34, 1, 2, 3, 4]
    assert total == 12


def test_figures_of_nothing_say_so(neighbours):
    nothing, empty = neighbours.iloc[:0], {"targetid": []}
    for figure in (
        retrieval.grid(nothing, empty, "image", "image"),
        retrieval.together(nothing, empty),
        retrieval.image_grid(nothing, empty),
        retrieval.query_images(empty, 0),
    ):
        assert "both an image and a spectrum" in texts(figure).replace("\n", " ")


# --- spectra -------------------------------------------------------------------------------------


def overlay(run, neighbours, query="image", reference="spectrum", change=None):
    rows = retrieval_spectra.shown(neighbours, query, reference, 1)
    shown = gallery(run, rows)
    if change:
        change(shown, rows)
    return retrieval_spectra.overlay(rows, shown, query, reference)


def test_line_of_the_query_is_drawn_where_it_is_observed(run, neighbours):
    """H alpha of z = 0.2 is at 7877.5 Angstrom; on the axis of the published code it would lie at 8250."""
    z = 0.2

    def plant(shown, rows):
        row = int(np.flatnonzero(shown["targetid"] == rows["targetid"].iloc[0])[0])
        shown["z"][row] = z
        shown["spectrum"][row] = 1
        shown["spectrum"][row, np.abs(galaxies.WAVELENGTH - 6564.6 * (1 + z)) < 3] = 50

    figure = overlay(run, neighbours, change=plant)
    panels = [axes for axes in figure.axes if axes.get_lines()]
    for axes in panels:
        line = next(drawn for drawn in axes.get_lines() if drawn.get_label() == "query")
        x, y = line.get_data()
        assert x[np.nanargmax(y)] == pytest.approx(6564.6 * 1.2, abs=12)  # smoothed over 20
        marks = [m.get_xdata()[0] for m in axes.get_lines() if len(m.get_xdata()) == 2]
        assert min(abs(np.array(marks) - 6564.6 * 1.2)) < 0.01
        assert axes.get_xlim() == (3600, 9824)
    assert len(panels) == retrieval_spectra.SHOWN


@pytest.mark.parametrize(("query", "reference"), PAIRS)
def test_each_neighbour_has_its_panel_and_image(run, neighbours, query, reference):
    figure = overlay(run, neighbours, query, reference)
    check_page(figure)
    assert len(figure.axes) == 1 + 2 * retrieval_spectra.SHOWN
    found = texts(figure)
    assert all(f"rank {rank}" in found for rank in (1, 2, 3))
    assert "H+K" in found
    assert "observed wavelength" in found
    assert len(framed(figure, style.MODALITY_COLOURS["both"])) == (query != reference)


def test_absent_spectra_are_said_to_be_absent(run, neighbours):
    def lose(shown, rows):
        shown["spectrum"][:] = np.nan
        shown["z"][:] = np.nan

    figure = overlay(run, neighbours, change=lose)
    assert texts(figure).count("z unknown") == 1 + retrieval_spectra.SHOWN
    assert texts(figure).count("no spectrum") == retrieval_spectra.SHOWN


def test_scale_is_the_median_and_of_noise_that_of_its_size():
    assert np.nanmedian(retrieval_spectra.over_median(np.array([0, 4.0, 5, 9]))) == 1
    noise = retrieval_spectra.over_median(np.array([-3.0, -1, 0, 2]))
    np.testing.assert_allclose(noise, [-1.5, -0.5, np.nan, 1])
    assert np.isnan(retrieval_spectra.over_median(np.zeros(5))).all()


@pytest.mark.parametrize("number", [0, 5])
def test_query_number_that_is_not_there_is_refused(neighbours, number):
    with pytest.raises(ConfigError, match=rf"no query number {number} .* 4 in this run.* from 1 to 4"):
        retrieval_spectra.shown(neighbours, "image", "image", number)


# --- scores --------------------------------------------------------------------------------------


def test_recall_draws_both_directions_beside_chance_and_tells_the_median_rank(run):
    found = texts(retrieval_scores.recall(io.read_table(run / "metrics/retrieval.csv")))
    assert f"image{ARROW}spectrum: median rank 42 [38, 47]" in found
    assert f"spectrum{ARROW}image: median rank 42 [38, 47]" in found
    assert "random guess" in found


def test_recall_without_pairs_says_so():
    empty = pd.DataFrame(columns=tables.METRIC_COLUMNS).astype({"metric": str})
    assert "both an image" in texts(retrieval_scores.recall(empty)).replace("\n", " ")


def test_recall_of_zero_is_drawn_at_the_edge(run):
    table = io.read_table(run / "metrics/retrieval.csv")
    table.loc[table["metric"] == "recall@1", ["value", "low", "high"]] = 0.0
    axes = retrieval_scores.recall(table).axes[0]
    drawn = [line for line in axes.get_lines() if line.get_marker() in ("s", "D")]
    assert [line.get_ydata()[0] for line in drawn] == [axes.get_ylim()[0]] * 2


def test_recall_among_fewer_galaxies_than_k_is_not_drawn(run):
    table = io.read_table(run / "metrics/retrieval.csv").assign(n=40)
    assert retrieval_scores.recall(table).axes[0].get_xticks().tolist() == [1, 10]


def test_agreement_draws_every_pair_and_property_beside_random_ones(run):
    figure = retrieval_scores.agreement(io.read_table(run / "metrics/agreement.csv"))
    assert len(figure.axes) == 4
    for axes in figure.axes:
        names = axes.get_legend_handles_labels()[1]
        assert sorted(names) == sorted([*(ARROW.join(pair) for pair in PAIRS), "random pairs"])
    z = figure.axes[0].containers[0][0].get_ydata().astype(float)
    np.testing.assert_allclose(z, 0.05 * np.array([1, 10, 30]) ** 0.3)
    assert "within 0.2 dex" in texts(figure)


def test_agreement_of_a_property_without_a_limit_leaves_its_panel_out(run):
    table = io.read_table(run / "metrics/agreement.csv")
    ages = table[table["metric"].str.contains("nmad")].replace({"target": {"log_mstar": "tage_mw"}})
    figure = retrieval_scores.agreement(
        pd.concat([table[table["target"] == "z"], ages.query("target != 'z'")])
    )
    assert [axes.axison for axes in figure.axes] == [True, True, True, False]
    assert "mass-weighted age" in texts(figure)


def test_agreement_of_nothing_says_so(run):
    table = io.read_table(run / "metrics/agreement.csv").iloc[:0]
    assert "no galaxy" in texts(retrieval_scores.agreement(table.astype({"metric": str}))).lower()


@pytest.mark.parametrize("n", [64, 40000])
def test_scores_fit_on_the_page_at_every_size(run, n):
    """No text beyond the page, whatever the numbers in legend and ticks."""
    recall = io.read_table(run / "metrics/retrieval.csv").assign(n=n)
    ranked = recall["metric"] == "median_rank"
    recall.loc[ranked, ["value", "low", "high"]] = [n / 2, n / 2.1, n / 1.9]
    shares = recall["metric"].str.startswith("recall@")
    recall.loc[shares, ["value", "low", "high"]] *= 64 / n
    agreement = io.read_table(run / "metrics/agreement.csv").assign(n=n)
    for figure in (retrieval_scores.recall(recall), retrieval_scores.agreement(agreement)):
        figure.draw_without_rendering()
        page = figure.bbox
        boxes = [
            t.get_window_extent()
            for t in figure.findobj(Text)
            if t.get_text() and t.get_visible() and (t.axes is None or t.axes.axison)
        ]
        assert all(page.x0 <= b.x0 and b.x1 <= page.x1 + 1 and b.y0 >= page.y0 - 1 for b in boxes)
        assert f"{n:,} test galaxies" in texts(figure)


@pytest.mark.parametrize(
    ("script", "wildcards"),
    [
        ("figure_query_images", {}),
        ("figure_retrieval_grid", {}),
        ("figure_retrievals_together", {}),
        ("figure_spectral_retrieval", {"query": "spectrum", "reference": "image", "number": "2"}),
    ],
)
def test_scripts_of_figures_on_demand_write_both_files(run, tmp_path, monkeypatch, script, wildcards):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "workflow" / "scripts")
    files = {"pdf": tmp_path / "a.pdf", "png": tmp_path / "a.png"}
    inputs = {
        "neighbours": run / "metrics/retrieval_neighbours.parquet",
        "gallery": run / "gallery/gallery.h5",
    }
    getattr(importlib.import_module(script), script)(**inputs, **files, **wildcards, dpi=50, mock=True)
    assert all(path.stat().st_size > 1000 for path in files.values())
