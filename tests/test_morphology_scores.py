"""Answers predicted by a network, by neighbours and blindly, and their scores."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from galaxypair import class_scores, classifier, io, tables
from galaxypair.errors import ConfigError, DataError
from galaxypair.morphology_scores import KNN, MAJORITY, MLP, evaluate

SETTINGS = {"hidden": [32, 32], "dropout": 0.2, "learning_rate": 1e-2, "batch_size": 64, "epochs": 8}


# --- scores --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [1, 2, 6])
def test_scores_agree_with_scikit_learn_to_1e_10(n_classes):
    rng = np.random.default_rng(n_classes)
    label, predicted = rng.integers(0, n_classes, (2, 300))
    predicted = np.where(rng.random(300) < 0.5, label, predicted)
    found = class_scores.summarise(label, predicted, bootstrap=20, rng=rng)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(label, predicted),
        "weighted_f1": sklearn_metrics.f1_score(label, predicted, average="weighted", zero_division=0),
        "balanced_accuracy": sklearn_metrics.recall_score(label, predicted, average="macro", zero_division=0),
    }
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected, abs=1e-10)
    for value, low, high in found.values():
        assert low <= value <= high


def test_answers_that_nobody_has_do_not_count_in_the_balanced_accuracy():
    label, predicted = np.array(["a", "a", "b"]), np.array(["a", "c", "b"])
    found = class_scores.summarise(label, predicted, bootstrap=10, rng=np.random.default_rng(0))
    assert found["balanced_accuracy"][0] == pytest.approx(0.75)  # of a and b
    assert found["weighted_f1"][0] == pytest.approx((2 * 2 / 3 + 1) / 3)


def test_intervals_are_those_of_resampled_galaxies():
    rng = np.random.default_rng(3)
    label = rng.integers(0, 2, 2000)
    predicted = np.where(rng.random(2000) < 0.8, label, 1 - label)
    value, low, high = class_scores.summarise(label, predicted, bootstrap=2000, rng=rng)["accuracy"]
    spread = np.sqrt(value * (1 - value) / 2000)
    assert (high - low) / 2 == pytest.approx(spread, rel=0.1)


def test_no_galaxies_no_scores():
    found = class_scores.summarise(np.empty(0, str), np.empty(0, str), bootstrap=10, rng=None)
    assert np.isnan(list(found.values())).all()
    with pytest.raises(ValueError, match="must be equally long vectors"):
        class_scores.summarise(np.zeros(3), np.zeros(2), bootstrap=10, rng=None)


# --- network -------------------------------------------------------------------------------------


def blobs(n, seed, dim=8, n_answers=3):
    """Vectors around one place per answer, with fractions of votes that favour the answer."""
    rng = np.random.default_rng(seed)
    answer = rng.integers(0, n_answers, n)
    places = np.random.default_rng(0).normal(size=(n_answers, dim))
    vectors = (places[answer] + rng.normal(0, 0.3, (n, dim))).astype(np.float32)
    fractions = np.full((n, n_answers), 0.1, np.float32)
    fractions[np.arange(n), answer] = 1 - 0.1 * (n_answers - 1)
    return vectors, fractions


def test_network_learns_what_can_be_learned():
    made = classifier.fit(blobs(400, 1), blobs(100, 2), SETTINGS, seed=1)
    vectors, fractions = blobs(200, 3)
    chance = made.probabilities(vectors)
    np.testing.assert_allclose(chance.sum(axis=1), 1, atol=1e-5)
    assert (chance.argmax(axis=1) == fractions.argmax(axis=1)).mean() > 0.95
    assert chance.max(axis=1).mean() == pytest.approx(0.8, abs=0.08)  # as sure as people are


def test_network_is_the_same_for_the_same_seed_and_leaves_the_global_stream_alone():
    state = torch.random.get_rng_state()
    first, again, other = (classifier.fit(blobs(200, 1), blobs(50, 2), SETTINGS, seed=s) for s in (1, 1, 2))
    assert torch.equal(state, torch.random.get_rng_state())
    vectors = blobs(20, 3)[0]
    assert np.array_equal(first.probabilities(vectors), again.probabilities(vectors))
    assert not np.array_equal(first.probabilities(vectors), other.probabilities(vectors))


def test_best_epoch_is_kept_and_not_the_last():
    vectors, fractions = blobs(200, 1)
    # validation galaxies with the answers turned round: whatever is learned makes the loss larger
    wrong = (vectors, np.roll(fractions, 1, axis=1))
    short = classifier.fit((vectors, fractions), wrong, {**SETTINGS, "epochs": 1}, seed=1)
    long = classifier.fit((vectors, fractions), wrong, {**SETTINGS, "epochs": 12}, seed=1)
    last = classifier.fit((vectors, fractions), (vectors, fractions), {**SETTINGS, "epochs": 12}, seed=1)
    np.testing.assert_array_equal(short.probabilities(vectors), long.probabilities(vectors))
    assert not np.array_equal(long.probabilities(vectors), last.probabilities(vectors))


def test_without_validation_galaxies_those_of_the_train_split_choose():
    train = blobs(200, 1)
    none = tuple(part[:0] for part in train)
    made = classifier.fit(train, none, SETTINGS, seed=1)
    assert (made.probabilities(train[0]).argmax(axis=1) == train[1].argmax(axis=1)).mean() > 0.95


def test_galaxies_on_which_people_agree_are_drawn_more_often():
    fractions = np.array([[0.4, 0.3, 0.3], [0.8, 0.1, 0.1]] * 5000, np.float32)
    rows = classifier._by_agreement(fractions, np.random.default_rng(1))
    assert rows.shape == (1, 10000)
    assert np.mean(rows % 2) == pytest.approx(0.8 / 1.2, abs=0.02)


def test_divergence_is_told():
    with pytest.raises(ConfigError, match=r"diverged. Lower `learning_rate`"):
        vectors, fractions = blobs(100, 1)
        classifier.fit((vectors * np.nan, fractions), blobs(20, 2), SETTINGS, seed=1)


# --- evaluation ----------------------------------------------------------------------------------


def embeddings(targetid, answer, noise, seed, dim=6):
    rng = np.random.default_rng(seed)
    places = np.random.default_rng(0).normal(size=(3, dim))
    raw = {
        m: (places[answer] + rng.normal(0, s, (len(targetid), dim))).astype(np.float32)
        for m, s in zip(tables.MODALITIES, noise, strict=True)
    }
    return io.Embeddings(targetid, raw, {m: io.unit(v) for m, v in raw.items()})


def survey(n=(300, 60, 120), noise=(0.2, 3.0)):
    rng = np.random.default_rng(5)
    splits, rows, first = {}, [], 0
    for split, size in zip(tables.SPLITS, n, strict=True):
        targetid = np.arange(first, first + size)
        answer = rng.choice(3, size, p=[0.6, 0.3, 0.1])
        splits[split] = embeddings(targetid, answer, noise, first)
        fractions = np.full((size, 3), 0.1)
        fractions[np.arange(size), answer] = 0.8
        names = np.tile(["z", "b", "a"], size)
        values = (np.repeat(targetid, 3), split, "shape", names, fractions.ravel(), 20.0)
        rows.append(pd.DataFrame(dict(zip(tables.LABEL_COLUMNS, values, strict=True))))
        first += size
    return splits, pd.concat(rows, ignore_index=True)


def run(splits, labels, **changes):
    return evaluate(splits, labels, **{"k": 8, "mlp": SETTINGS, "bootstrap": 50, "seed": 1, **changes})


@pytest.fixture(scope="module")
def results():
    splits, labels = survey()
    return splits, labels, *run(splits, labels)


def value(scores, protocol, space, metric="accuracy"):
    rows = scores[scores[["protocol", "query", "metric"]].eq([protocol, space, metric]).all(axis=1)]
    return rows["value"].item()


def test_table_has_every_protocol_space_and_metric_once(results):
    _, _, scores, _ = results
    assert list(scores.columns) == list(tables.METRIC_COLUMNS)
    assert len(scores) == 3 * 3 * 3
    assert not scores.duplicated(["protocol", "query", "metric"]).any()
    assert (scores["reference"] == scores["query"]).all()
    assert (scores["n"] == 120).all()
    assert (scores["low"] <= scores["value"] + 1e-12).all()
    assert (scores["value"] <= scores["high"] + 1e-12).all()


def test_what_embeddings_know_is_found(results):
    _, labels, scores, _ = results
    test = labels[labels["split"] == "test"]
    share = (test.loc[test.groupby("targetid")["fraction"].idxmax(), "answer"] == "z").mean()
    assert value(scores, MAJORITY, "image") == pytest.approx(share)
    assert value(scores, MAJORITY, "image", "balanced_accuracy") == pytest.approx(1 / 3)
    for protocol in (MLP, KNN):
        assert value(scores, protocol, "image") > 0.95
        assert value(scores, protocol, "spectrum") < 0.8


def test_predictions_give_the_scores(results):
    _, labels, scores, predictions = results
    assert list(predictions.columns) == list(tables.MORPHOLOGY_PREDICTION_COLUMNS)
    assert set(predictions["protocol"]) == {MLP, KNN}
    for (protocol, space), rows in predictions.groupby(["protocol", "space"], observed=True):
        right = (rows["label"].astype(str) == rows["predicted"].astype(str)).mean()
        assert value(scores, protocol, space) == pytest.approx(right)
    truth = labels.loc[labels.groupby("targetid")["fraction"].idxmax()].set_index("targetid")["answer"]
    assert (truth[predictions["targetid"]].to_numpy() == predictions["label"].astype(str)).all()


def test_same_input_same_tables(results):
    splits, labels, scores, predictions = results
    again = run(splits, labels)
    pd.testing.assert_frame_equal(again[0], scores, check_exact=True)
    pd.testing.assert_frame_equal(again[1], predictions)


def test_labels_of_test_galaxies_shape_no_prediction(results):
    splits, labels, _, predictions = results
    turned = labels.copy()
    test = turned["split"] == "test"
    fractions = turned.loc[test, "fraction"].to_numpy().reshape(-1, 3)
    turned.loc[test, "fraction"] = np.roll(fractions, 1, axis=1).ravel()
    changed = run(splits, turned)[1]
    assert (changed["predicted"].astype(str) == predictions["predicted"].astype(str)).all()
    assert (changed["label"].astype(str) != predictions["label"].astype(str)).all()


def test_a_galaxy_in_two_splits_stops_the_run(results):
    splits, labels, _, _ = results
    train = splits["train"]
    ids = np.concatenate([splits["test"].targetid[:1], train.targetid[1:]])
    planted = splits | {"train": io.Embeddings(ids, train.raw, train.unit)}
    with pytest.raises(DataError, match=rf"TARGETID {ids[0]}\)"):
        run(planted, labels)


def test_galaxies_without_a_modality_are_left_out_of_its_spaces():
    splits, labels = survey()
    for part in (splits["test"].raw, splits["test"].unit):
        part["spectrum"][:20] = np.nan
    scores, _ = run(splits, labels)
    assert scores.groupby("query")["n"].first().to_dict() == {"image": 120, "spectrum": 100, "both": 100}


def test_question_with_one_answer_is_left_out(caplog):
    splits, labels = survey()
    flat = labels.assign(question="flat", fraction=np.tile([0.8, 0.1, 0.1], len(labels) // 3))
    scores, _ = run(splits, pd.concat([labels, flat]))
    assert set(scores["target"]) == {"shape"}
    assert "flat, image: left out (300 train galaxies with 1 answers, 120 test galaxies)" in caplog.text
    with pytest.raises(DataError, match="No question has labels of 8 galaxies of the train split"):
        run(splits, flat)


def test_votes_without_signal_are_predicted_no_better_than_blindly():
    splits, labels = survey(n=(600, 100, 600), noise=(2.0, 3.0))
    rng = np.random.default_rng(1)
    mixed = labels.copy()
    order = rng.permutation(len(mixed) // 3)
    mixed["fraction"] = labels["fraction"].to_numpy().reshape(-1, 3)[order].ravel()
    scores, _ = run(splits, mixed)
    for space in tables.SPACES:
        assert value(scores, MLP, space) <= value(scores, MAJORITY, space) + 0.02
        assert value(scores, MLP, space, "balanced_accuracy") == pytest.approx(1 / 3, abs=0.05)
