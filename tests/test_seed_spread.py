"""Scatter over training seeds: mean and standard deviation of what the seeds measure alike."""

import numpy as np
import pandas as pd
import pytest
from test_figures_tables import check_sizes, texts

from galaxypair import seed_spread, tables
from galaxypair.errors import DataError
from galaxypair.figures import seed_spread as figure


def scores(value: float, n: int = 900, targets=("z", "log_mstar"), half: float = 0.02) -> pd.DataFrame:
    rows = [
        ("train_to_test", *pair, target, metric, value, value - half, value + half, n)
        for pair in (("image", "image"), ("image", "spectrum"), ("both", "both"))
        for target in targets
        for metric in ("r2", "nmad")
    ]
    return pd.DataFrame(rows, columns=tables.METRIC_COLUMNS)


def test_mean_and_scatter_stand_beside_the_interval():
    table = seed_spread.summarise([scores(0.5, half=0.01), scores(0.6, half=0.03), scores(0.7, half=0.02)])
    assert tuple(table.columns) == tables.SEED_COLUMNS
    assert len(table) == 12
    np.testing.assert_allclose(table["mean"], 0.6)
    np.testing.assert_allclose(table["sd"], 0.1)
    np.testing.assert_allclose(table["half_interval"], 0.02)
    assert table["seeds"].eq(3).all() and table["n"].eq(900).all()


def test_one_seed_has_no_spread():
    with pytest.raises(DataError, match=r"1 seed has no spread.*ablation.seeds"):
        seed_spread.summarise([scores(0.5)])


@pytest.mark.parametrize(
    "other", [scores(0.5).iloc[1:], scores(0.5, n=800), pd.concat([scores(0.5), scores(0.5).iloc[:1]])]
)
def test_tables_that_measure_different_things_are_refused(other):
    with pytest.raises(DataError, match="do not measure the same"):
        seed_spread.summarise([scores(0.5), other])


@pytest.mark.parametrize("targets", [("z",), tables.TARGETS])
def test_figure_draws_both_uncertainties(targets):
    table = seed_spread.summarise([scores(v, targets=targets) for v in (0.5, 0.55, 0.7)])
    drawn = figure.panels(table)
    check_sizes(drawn)
    assert len(drawn.axes[0].patches) == 3 * len(targets)
    assert "900 test galaxies; 3 seeds" in texts(drawn)
    ratio = drawn.axes[1].lines[0].get_xdata()
    np.testing.assert_allclose(ratio, table["sd"].iloc[0] / 0.02)


def test_scores_beyond_the_axis_are_arrows_and_no_score_is_said():
    drawn = figure.panels(seed_spread.summarise([scores(-3.0), scores(-2.0)]))
    check_sizes(drawn)
    assert any(line.get_marker() == "<" and len(line.get_xdata()) for line in drawn.axes[0].lines)
    empty = seed_spread.summarise([scores(np.nan), scores(np.nan)])
    assert "No score to compare." in texts(figure.panels(empty))
