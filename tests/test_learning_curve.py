"""Learning curve: all references give the protocol's own score, and few give less."""

import factories_detail
import numpy as np
import pandas as pd
import pytest
from test_figures_tables import check_sizes

from galaxypair import learning_curve, tables, zeroshot
from galaxypair.errors import DataError
from galaxypair.figures import learning_curve as figure
from galaxypair.protocols import OWN, Protocol


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    return factories_detail.make_splits(tmp_path_factory.mktemp("survey"), n=150, noise=0.5)


def evaluate(survey, train="train"):
    return learning_curve.evaluate(
        survey[train], survey["test"], survey["properties"], targets=None, k=8, fewest=32, steps=3,
        draws=4, bootstrap=200, rng=np.random.default_rng(0),
    )  # fmt: skip


def test_counts_are_evenly_spaced_and_end_with_all():
    assert learning_curve.counts(64, 8192, 8) == [64, 128, 256, 512, 1024, 2048, 4096, 8192]
    assert learning_curve.counts(64, 65, 5) == [64, 65]
    assert learning_curve.counts(64, 50, 8) == [50]
    assert learning_curve.counts(64, 8192, 1) == [8192]


def test_neighbours_grow_with_the_references():
    assert [learning_curve.neighbours(16, n) for n in (2, 64, 256, 10_000)] == [1, 8, 16, 16]


def test_all_references_give_the_score_of_the_protocol(survey):
    table = evaluate(survey)
    assert tuple(table.columns) == tables.LEARNING_COLUMNS
    rng = np.random.default_rng(0)
    scores = zeroshot.evaluate(
        survey, survey["properties"], protocol=Protocol(OWN, 8), targets=None, bootstrap=200, rng=rng
    ).scores
    key = ["reference", "query", "target"]
    joined = table[table["references"] == 300].merge(scores.query("metric == 'r2'"), on=key)
    assert len(joined) == 5 * 2
    np.testing.assert_allclose(joined["value_x"], joined["value_y"], atol=1e-9)
    np.testing.assert_allclose(joined["low_x"], joined["low_y"], atol=0.01)
    np.testing.assert_allclose(joined["high_x"], joined["high_y"], atol=0.01)


def test_more_references_score_better_and_scatter_less(survey):
    table = evaluate(survey).query("target == 'z' and reference == 'image' and query == 'image'")
    assert table["references"].tolist() == [32, 98, 300]
    assert table["k"].tolist() == [5, 8, 8]
    assert table["draws"].tolist() == [4, 4, 1]
    assert table["value"].is_monotonic_increasing
    assert table["spread"].iloc[0] > 0 and np.isnan(table["spread"].iloc[2])
    assert (table["low"] < table["value"]).all() and (table["value"] < table["high"]).all()


def test_labelled_references_are_counted(survey):
    table = evaluate(survey)
    full = table[table["references"] == 300].groupby("target")["labelled"].first()
    ids = survey["train"].targetid
    assert full["z"] == 300
    assert full["log_mstar"] == (ids % 3 != 0).sum()
    assert (table.query("target == 'log_mstar' and references < 300")["labelled"] < 98).all()


def test_same_seed_gives_the_same_table(survey):
    pd.testing.assert_frame_equal(evaluate(survey), evaluate(survey))


def test_galaxy_on_both_sides_and_nothing_to_predict_are_refused(survey):
    with pytest.raises(DataError, match="150 galaxies are among both references and queries"):
        evaluate(survey, train="test")
    unknown = {**survey, "properties": survey["properties"].assign(z=np.nan, log_mstar=np.nan)}
    with pytest.raises(DataError, match="No property"):
        evaluate(unknown)


@pytest.mark.parametrize(
    ("targets", "counts"),
    [(("z",), [40]), (("z", "log_mstar"), [64, 600]), (tables.TARGETS, [64, 500, 4000, 30000])],
)
def test_figure_at_every_size(targets, counts):
    rows = [
        (count, 0.7 * count, 8, 5, np.nan if count == counts[-1] else 0.03, OWN, *pair, target, "r2",
         0.2 * i, 0.2 * i - 0.02, 0.2 * i + 0.02, 64)
        for i, count in enumerate(counts) for pair in (("image", "spectrum"), ("both", "both"))
        for target in targets
    ]  # fmt: skip
    drawn = figure.panels(pd.DataFrame(rows, columns=tables.LEARNING_COLUMNS))
    check_sizes(drawn)
    assert len(drawn.axes) == len(targets)
    assert all(axes.get_xlabel() for axes in drawn.axes[-1:])
