"""Few-shot regression: more labels tell more, few labels are few, nothing is found in noise."""

import numpy as np
import pytest
from factories_fewshot import FEW_SHOT, make_splits

from galaxypair import few_shot, tables
from galaxypair.errors import ConfigError

SIZES = {"train": 600, "val": 150, "test": 300}


@pytest.fixture(scope="module")
def made():
    splits, properties = make_splits(SIZES)
    return few_shot.evaluate(splits, properties, targets=["z", "log_mstar"], settings=FEW_SHOT)


def test_tables_have_the_declared_columns_and_every_training(made):
    scores, predictions = made
    assert tuple(scores.columns) == tables.FEW_SHOT_COLUMNS
    assert tuple(predictions.columns) == tables.FEW_SHOT_PREDICTION_COLUMNS
    keys = scores.groupby(["space", "target", "n_labels", "repeat"]).size()
    assert len(keys) == 3 * 2 * 2 * 2
    assert set(keys) == {4}  # metrics
    assert {*scores.query("target == 'z'")["n_labels"]} == {50, 600}
    assert {*scores.query("target == 'log_mstar'")["n_labels"]} == {50, 400}
    assert {*scores.query("n_labels == 50")["n_val"]} == {50}
    assert {*scores.query("n_labels == 600")["n_val"]} == {150}
    assert {*scores.query("target == 'log_mstar'")["n"]} == {200}


def test_more_labels_tell_more_and_all_of_them_nearly_all(made):
    scores, _ = made
    r2 = scores[(scores["metric"] == "r2") & (scores["space"] == "image") & (scores["target"] == "z")]
    mean = r2.groupby("n_labels")["value"].mean()
    _, properties = make_splits(SIZES)
    test = properties[-SIZES["test"] :]
    best = 1 - np.mean((test["z"] - test["mean"]) ** 2) / test["z"].var(ddof=0)
    assert mean[50] < mean[600]
    assert best - 0.06 < mean[600] < best + 0.01
    assert (r2["low"] < r2["value"]).all() and (r2["value"] < r2["high"]).all()


def test_scores_are_those_of_the_predictions(made):
    scores, predictions = made
    own = predictions.query("space == 'both' and target == 'z' and n_labels == 600 and repeat == 2")
    assert len(own) == 300 and own["targetid"].is_unique
    error = np.sum((own["y_true"] - own["y_pred"]) ** 2)
    expected = 1 - error / np.sum((own["y_true"] - own["y_true"].mean()) ** 2)
    row = scores.query(
        "space == 'both' and target == 'z' and n_labels == 600 and repeat == 2 and metric == 'r2'"
    )
    assert row["value"].item() == pytest.approx(expected)


def test_nothing_is_found_in_shuffled_labels():
    splits, properties = make_splits(SIZES)
    properties["z"] = np.random.default_rng(1).permutation(properties["z"])
    scores, _ = few_shot.evaluate(
        splits, properties, targets=["z"], settings=FEW_SHOT | {"repeats": 1, "label_counts": []}
    )
    assert (scores.query("metric == 'r2'")["value"] < 0.05).all()


def test_the_same_seed_gives_the_same_numbers():
    splits, properties = make_splits({"train": 80, "val": 30, "test": 40})
    settings = FEW_SHOT | {"label_counts": [40], "epochs": 2, "min_steps": 0}
    one, two, other = (
        few_shot.evaluate(splits, properties, targets=["z"], settings=settings | {"seed": seed})[1]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one["y_pred"], two["y_pred"])
    assert not np.array_equal(one["y_pred"], other["y_pred"])


def test_labels_beyond_the_drawn_ones_change_nothing():
    splits, properties = make_splits({"train": 200, "val": 60, "test": 40})
    labels = {
        own: few_shot.labelled_splits(splits, properties, ["z"]) for own in ("as they are", "with others")
    }
    first, second = (next(found)[2] for found in labels.values())
    settings = FEW_SHOT | {"epochs": 2, "min_steps": 0, "repeats": 1}
    used = np.random.default_rng(settings["seed"]).permutation(200)[:50]
    second["train"].y[np.setdiff1d(np.arange(200), used)] = 99.0
    one, two = (few_shot.train_and_predict(own, [8], 50, 50, settings) for own in (first, second))
    np.testing.assert_array_equal(one, two)


def test_label_counts_end_with_all():
    assert few_shot.label_counts([1000, 100], 5000) == [100, 1000, 5000]
    assert few_shot.label_counts([100, 1000], 300) == [100, 300]
    assert few_shot.label_counts([], 300) == [300]


def test_few_labels_are_gone_through_more_often():
    settings = {"batch_size": 64, "epochs": 10, "min_steps": 500}
    assert few_shot.epochs(100, settings) == 250
    assert few_shot.epochs(8000, settings) == 10


def test_an_unknown_property_is_refused():
    splits, properties = make_splits({"train": 30, "val": 10, "test": 10})
    with pytest.raises(ConfigError, match=r"`zeroshot\.targets` names `colour`"):
        few_shot.evaluate(splits, properties, targets=["colour"], settings=FEW_SHOT)
