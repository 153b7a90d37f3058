"""Figures of few-shot regression and posteriors, at the sizes of a test, a demo and a survey."""

import numpy as np
import pytest
from factories_fewshot import make_examples, make_few_shot, make_posteriors
from factories_results import make_results
from test_figures_tables import check_sizes, texts

from galaxypair import io, tables
from galaxypair.figures import few_shot, posteriors, style

ALL = list(tables.TARGETS)


@pytest.fixture(scope="module")
def zeroshot(tmp_path_factory):
    return io.read_table(make_results(tmp_path_factory.mktemp("run"), n=20) / "metrics/zeroshot.csv")


@pytest.mark.parametrize(
    ("targets", "counts", "n"),
    [(["z"], (45,), 64), (["z", "log_mstar"], (100, 1000, 1400), 2000), (ALL, (100, 1000, 140_000), 40_000)],
)
def test_few_shot_curves_fit_the_page(zeroshot, targets, counts, n):
    figure = few_shot.curves(make_few_shot(targets, counts, n), zeroshot)
    check_sizes(figure)
    assert len(figure.axes) == len(targets)
    assert f"{n:,} test galaxies" in texts(figure)
    assert f"{counts[-1]:,}" in [t.get_text() for t in figure.axes[0].get_xticklabels()]


def test_few_shot_draws_the_mean_of_the_draws_and_the_zero_shot_value(zeroshot):
    scores = make_few_shot(["z"], (100, 1000), 500)
    axes = few_shot.curves(scores, zeroshot).axes[0]
    own = scores.query("metric == 'r2' and space == 'both'").groupby("n_labels")["value"].mean()
    lines = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 2]
    assert any(np.allclose(y, own) for y in lines)
    assert sum(np.allclose(y, 0.7) for y in lines) == 2  # image and spectrum, dashed


def test_few_shot_marks_what_is_below_the_page(zeroshot):
    scores = make_few_shot(["z"], (100, 1000), 500)
    scores.loc[scores["n_labels"] == 100, ["value", "low", "high"]] = (-7.0, -8.0, -6.0)
    figure = few_shot.curves(scores, zeroshot)
    check_sizes(figure)
    arrows = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    assert [list(arrow.get_ydata()) for arrow in arrows] == [[few_shot.LOWEST_R2]] * 3
    assert figure.axes[0].get_ylim()[0] > -0.5


def test_few_shot_without_scores_says_so(zeroshot):
    assert "No property" in texts(few_shot.curves(make_few_shot(["z"], (100,), 9).iloc[:0], zeroshot))


@pytest.mark.parametrize(("targets", "n"), [(["z"], 64), (["z", "log_mstar"], 2000), (ALL, 40_000)])
def test_coverage_fits_the_page_and_perfect_posteriors_stay_in_the_band(targets, n):
    figure = posteriors.coverage(*make_posteriors(targets, n))
    check_sizes(figure)
    assert f"{n:,} test galaxies" in texts(figure)
    assert texts(figure).count("chance 0.08") == len(targets)
    middle = figure.axes[1]
    curves = [line.get_ydata() for line in middle.lines if len(line.get_ydata()) == len(posteriors.SHARES)]
    assert len(curves) == 3
    for curve in curves:
        assert np.abs(curve).max() < 4 * np.sqrt(0.25 / n)


def test_coverage_of_narrow_posteriors_is_below_zero():
    table, metrics = make_posteriors(["z"], 500)
    narrow = table.assign(pit=np.where(table["pit"] < 0.5, table["pit"] / 3, 1 - (1 - table["pit"]) / 3))
    middle = posteriors.coverage(narrow, metrics).axes[1]
    curves = [line.get_ydata() for line in middle.lines if len(line.get_ydata()) == len(posteriors.SHARES)]
    assert all((curve[10:90] < -0.05).all() for curve in curves)


@pytest.mark.parametrize(("targets", "n"), [(["z"], 1), (["z", "log_mstar"], 6), (ALL, 4)])
def test_examples_fit_the_page(targets, n):
    figure = posteriors.examples(make_examples(targets, n))
    check_sizes(figure)
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert len(visible) == n * len(targets)
    for axes in visible:
        curves = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 256]
        assert [curve.max() for curve in curves] == [1, 1, 1]


def test_examples_mark_the_true_value_and_leave_out_what_is_unknown():
    table = make_examples(["z", "log_mstar"], 2)
    first = table["targetid"].iloc[0]
    table = table[(table["targetid"] != first) | (table["target"] == "z")]
    figure = posteriors.examples(table)
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert len(visible) == 3
    truths = {line.get_xdata()[0] for axes in visible for line in axes.lines if len(line.get_xdata()) == 2}
    assert truths == {*table["y_true"]}


def test_figures_of_nothing_say_so():
    table, metrics = make_posteriors(["z"], 5)
    assert "no posterior" in texts(posteriors.coverage(table.iloc[:0], metrics))
    assert "no posterior" in texts(posteriors.examples(make_examples(["z"], 1).iloc[:0]))


def test_colours_and_lines_are_known_for_each_space():
    assert set(few_shot.MARKERS) == set(posteriors.DASHES) == set(style.MODALITY_COLOURS)
