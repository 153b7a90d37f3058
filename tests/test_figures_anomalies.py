"""Figures of anomalies and artefacts: on the page, readable, and true to the tables, for any number."""

import numpy as np
import pandas as pd
import pytest
from factories_results import make_results
from matplotlib.text import Text
from test_figures_gallery import check_page, texts

from galaxypair import io, tables
from galaxypair.figures import anomalies, style

SIZES = (64, 2_000, 40_000)  # of the test split


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("run"), n=16)


def make_list(n: int) -> pd.DataFrame:
    rank = np.arange(1, n + 1)
    table = pd.DataFrame({"targetid": rank, "anomaly_rank": rank, "artefact_rank": rank})
    table["anomaly_score"], table["artefact_score"] = 9 - 0.5 * rank, 1500.0 / rank
    table["anomaly_of"] = np.resize(["image", "spectrum"], n)
    long = "image: straight bright line, light from beyond one side; pair: spectrum and image differ a lot"
    table["reason"] = np.resize(["image: straight bright line", long], n)
    return table


def make_metrics(n_galaxies: int, planted: int) -> pd.DataFrame:
    rows = [("suspected", "", "", "any", "fraction", 0.01, 0.008, 0.012, n_galaxies)]
    for protocol in anomalies.LOOKS:
        for factor in (0.25, 0.5, 1, 1.5, 2, 3, 5, 10):
            value = min(factor, 1) * 0.9 if planted else np.nan
            head = (protocol, "", "", "any")
            spread = (value, max(0, value - 0.1), min(1, value + 0.1))
            rows.append((*head, f"recall@{factor:g}n", *spread, planted))
            rows.append((*head, f"precision@{factor:g}n", *spread, 5))
            rows.append((*head[:3], "missing_band", f"recall@{factor:g}n", 0.1, 0, 0.2, 3))
    return pd.DataFrame(rows, columns=tables.METRIC_COLUMNS)


def check_text(figure) -> None:
    """No text beyond the page, and no two labels over each other."""
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    boxes = [t.get_window_extent() for t in figure.texts if t.get_text()]
    for i, box in enumerate(boxes):
        assert min(box.x0, box.y0) >= -1
        assert (box.x1, box.y1) <= (width + 1, height + 1)
        assert not any(box.overlaps(other) for other in boxes[i + 1 :]), figure.texts[i].get_text()


@pytest.mark.parametrize(("n", "n_galaxies"), [(1, 64), (5, 2_000), (12, 40_000)])
@pytest.mark.parametrize("draw", [anomalies.anomalies, anomalies.artefacts])
def test_lists_fit_on_the_page(run, draw, n, n_galaxies):
    listed = make_list(n)
    shown = io.read_gallery(run / "gallery/gallery.h5", listed["targetid"])
    figure = style.styled(draw)(listed, shown, n_galaxies)
    check_page(figure)
    check_text(figure)
    assert len(figure.axes) == 2 * n
    assert f"{n_galaxies:,} test galaxies" in texts(figure)
    assert all(t.get_fontsize() >= 6 for t in figure.findobj(Text) if t.get_text())


def test_galaxies_are_named_with_rank_score_and_reason(run):
    listed = make_list(3)
    shown = io.read_gallery(run / "gallery/gallery.h5", listed["targetid"])
    shown["z"][1] = np.nan
    told = texts(anomalies.anomalies(listed, shown, 64))
    assert f"1   score 8.5 (image)   z = {shown['z'][0]:.4f}\nTARGETID 1" in told
    assert "2   score 8.0 (spectrum)   z unknown\nTARGETID 2" in told
    told = texts(anomalies.artefacts(listed, shown, 64))
    assert "1   score 1,500.0" in told
    assert "TARGETID 1\nimage: straight bright line" in told
    assert "beyond one side; pair: …" in told  # cut, so that it does not run into the neighbour


def test_galaxy_without_a_modality_is_drawn(run):
    listed = make_list(2)
    shown = io.read_gallery(run / "gallery/gallery.h5", listed["targetid"])
    shown["image"][0], shown["spectrum"][1] = np.nan, np.nan
    told = texts(anomalies.artefacts(listed, shown, 64))
    assert "no image" in told
    assert "no spectrum" in told


def test_empty_lists_say_so(run):
    nothing = make_list(0)
    shown = io.read_gallery(run / "gallery/gallery.h5", nothing["targetid"])
    assert "No galaxy of the test split" in texts(anomalies.anomalies(nothing, shown, 64))
    assert "None of 64 test galaxies" in texts(anomalies.artefacts(nothing, shown, 64))
    assert "No planted artefact" in texts(anomalies.recall(make_metrics(64, 0)))


@pytest.mark.parametrize("n_galaxies", SIZES)
def test_recall_shows_each_list_at_the_values_of_the_table(n_galaxies):
    figure = anomalies.recall(make_metrics(n_galaxies, 9))
    check_text(figure)
    (axes,) = figure.axes
    assert f"{n_galaxies:,} test galaxies, 9 planted artefacts" in texts(figure)
    lines = {line.get_label(): line for line in axes.lines}
    assert set(lines) == {"perfect list", "random list", *(look[0] for look in anomalies.LOOKS.values())}
    own = lines["artefact score"]
    np.testing.assert_allclose(own.get_ydata(), [0.225, 0.45, *[0.9] * 6])
    assert own.get_xdata()[-1] == 10
    random = lines["random list"]
    np.testing.assert_allclose(random.get_ydata()[-1], min(90 / n_galaxies, 1))


def test_lists_of_the_figure_are_those_of_the_stage():
    from galaxypair.anomalies import LISTS

    assert set(anomalies.LOOKS) == set(LISTS.values())
