"""The table of an ablation: every score of every trial, mean and scatter over the seeds."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from galaxypair import ablation, tables
from galaxypair.errors import DataError
from galaxypair.figures import ablation as figure
from galaxypair.figures import style

PAIRS = [(reference, query) for reference in tables.MODALITIES for query in tables.MODALITIES]


def scores(offset=0.0, recall_at=(1, 12)):
    """`zeroshot.csv` and `retrieval.csv` of a trial."""
    zeroshot = [
        ("train_to_test", *pair, target, metric, value + offset + i / 10, 0.0, 1.0, n)
        for i, pair in enumerate(PAIRS)
        for target, n in (("z", 90), ("log_mstar", 60), ("tage_mw", 60))
        for metric, value in (("r2", 0.5), ("nmad", 0.05), ("bias", 0.0))
    ]
    retrieval = [
        ("test_split", reference, query, "pair", name, 0.2 + offset, 0.0, 1.0, 90)
        for reference, query in PAIRS
        if reference != query
        for k in recall_at
        for name in (f"recall@{k}", f"chance_recall@{k}")
    ]
    return tuple(pd.DataFrame(rows, columns=tables.METRIC_COLUMNS) for rows in (zeroshot, retrieval))


def trial(variant, seed, offset=0.0, compares=True):
    history = pd.DataFrame({"epoch": [1, 2, 3], "val_loss": [3.0, 2.0 + offset, 2.5]})
    benchmark = pd.DataFrame({"s": [30.0 + seed]})
    about = {"variant": variant, "seed": seed, "loss_compares": compares}
    return ablation.values_of_trial(about, history, *scores(offset), benchmark)


@pytest.fixture
def values():
    parts = [
        *(trial("as_configured", seed, offset) for seed, offset in ((1, 0.0), (2, 0.02), (3, 0.04))),
        *(trial("adam", seed, offset) for seed, offset in ((1, -0.1), (2, -0.3))),
        trial("low_scale", 1, -1.5, compares=False),
    ]
    return pd.concat(parts, ignore_index=True)


DIFFERS = {"as_configured": "", "adam": "train.optimizer: adamw → adam", "low_scale": "model.logit_scale"}


def test_every_score_of_a_trial_is_kept_but_what_chance_gives():
    found = trial("adam", 7, 0.1)
    assert tuple(found.columns) == tables.ABLATION_COLUMNS
    assert set(found["variant"]) == {"adam"} and set(found["seed"]) == {7}
    zeroshot, retrieval = scores()
    n_chance = retrieval["metric"].str.startswith("chance").sum()
    assert len(found) == len(zeroshot) + len(retrieval) - n_chance + 2
    alone = found.set_index("metric")["value"]
    assert alone["val_loss"] == 2.1  # of the best epoch
    assert alone["train_seconds"] == 37
    assert not found[["target", "reference", "query"]].isna().any(axis=None)


def test_loss_on_another_scale_and_time_of_another_machine_are_left_out():
    about = {"variant": "v", "seed": 1, "loss_compares": False}
    found = ablation.values_of_trial(about, pd.DataFrame({"val_loss": [1.0]}), *scores(), None)
    assert {"val_loss", "train_seconds"}.isdisjoint(found["metric"])


def test_mean_and_sample_deviation_over_the_seeds(values):
    found = ablation.summarise(values, DIFFERS).set_index("variant")
    assert list(found.index) == list(DIFFERS)
    assert list(found["differs"]) == list(DIFFERS.values())
    assert list(found["seeds"]) == [3, 2, 1]
    # query spectrum, reference image: the second pair
    assert found.loc["as_configured", "r2_z_spectrum_image_mean"] == pytest.approx(0.62)
    assert found.loc["as_configured", "r2_z_spectrum_image_sd"] == pytest.approx(0.02)
    assert found.loc["adam", "r2_z_image_spectrum_mean"] == pytest.approx(0.5 - 0.2 + 0.2)
    assert found.loc["adam", "r2_z_image_spectrum_sd"] == pytest.approx(0.2 / np.sqrt(2))
    assert np.isnan(found.loc["low_scale", "r2_z_image_image_sd"])
    assert np.isnan(found.loc["low_scale", "val_loss_mean"])
    assert found.loc["as_configured", "val_loss_mean"] == pytest.approx(2.02)
    assert found.loc["adam", "train_seconds_mean"] == pytest.approx(31.5)
    assert "recall@12_pair_image_spectrum_mean" in found  # next to ten
    assert not [name for name in found if name.startswith(("bias", "recall@1_", "r2_tage"))]


def test_score_that_occurs_twice_is_refused(values):
    with pytest.raises(DataError, match=r"`adam` with seed 1 has two values of r2"):
        ablation.summarise(pd.concat([values, trial("adam", 1)]), DIFFERS)


def test_text_tells_what_differs_and_how_much(values):
    text = ablation.markdown(ablation.summarise(values, DIFFERS), ablation.shown(values))
    assert "| adam | train.optimizer: adamw → adam | 2 |" in text
    assert "| as_configured | nothing | 3 |" in text
    assert "0.520 ± 0.020" in text and "2.020 ± 0.020" in text and "0.0700 ± 0.0200" in text
    assert "| low_scale |  | 31 |" in text  # no loss, and of a single seed no scatter
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Redshift", "## Stellar mass", "## Retrieval", "## Training",
    ]  # fmt: skip


def test_table_of_a_survey_without_masses_has_none(values):
    own = values[values["target"] != "log_mstar"]
    assert "Stellar mass" not in ablation.markdown(ablation.summarise(own, DIFFERS), ablation.shown(own))


def test_values_survive_their_file(values, tmp_path):
    from galaxypair import io

    io.write_table(values, tmp_path / "values.csv")
    found = ablation.summarise(io.read_table(tmp_path / "values.csv"), DIFFERS)
    pd.testing.assert_frame_equal(found, ablation.summarise(values, DIFFERS))


def test_figure_shows_each_trial_and_the_run_as_a_line(values):
    drawn = figure.dots(values, list(DIFFERS))
    drawn.draw_without_rendering()
    panels = drawn.axes
    assert [axes.get_xlabel().partition(",")[0] for axes in panels] == [
        "$R^2$",
        "$R^2$",
        "recall@12",
        "NMAD",
        "NMAD",
    ]
    assert [t.get_text() for t in panels[0].get_yticklabels()] == ["as configured", "adam", "low scale"]
    lines = panels[0].get_lines()
    seeds = [line for line in lines if line.get_marker() == "." and len(line.get_xdata()) == 5]
    assert len(seeds) == 4  # the sixth trial is below the edge
    assert len([line for line in lines if line.get_marker() == "<" and len(line.get_xdata())]) == 4
    base = sorted(
        line.get_xdata()[0]
        for line in lines
        if line.get_marker() == "None" and len(set(line.get_xdata())) == 1
    )
    assert base == pytest.approx([0.52, 0.62, 0.72, 0.82])
    words = " | ".join(t.get_text() for t in drawn.findobj(Text))
    assert "60–90 test galaxies; seeds 1, 2, 3" in words
    assert min(t.get_fontsize() for t in drawn.findobj(Text) if t.get_text()) >= 7
    assert style.PAGE_IN == drawn.get_size_inches()[0]
