"""Anomalies: planted ones come first, the two lists are apart, and recall is counted right."""

import factories
import numpy as np
import pandas as pd
import pytest

from galaxypair import anomalies, artefacts, io, tables
from galaxypair.errors import DataError
from galaxypair.mock import junk

N = 200
ODD = slice(0, 5)  # rows of the test split that are made unlike all others


def make(folder, split: str, first: int, n: int = N, seed: int = 1) -> io.Embeddings:
    z = np.random.default_rng(seed).uniform(0.05, 0.5, n)
    path = folder / f"{split}.parquet"
    factories.make_embeddings(path, first + np.arange(n), z, split=split, seed=seed)
    read = io.read_embeddings(path)
    return io.Embeddings(read.targetid, read.raw, {m: v.copy() for m, v in read.unit.items()})


@pytest.fixture
def splits(tmp_path) -> tuple[io.Embeddings, io.Embeddings]:
    return make(tmp_path, "train", 1000), make(tmp_path, "test", 5000, seed=2)


def make_measures(targetid: np.ndarray, **changes: np.ndarray) -> pd.DataFrame:
    sound = {name: np.full(len(targetid), limit / 2) for name, (limit, _) in artefacts.CHECKS.items()}
    return pd.DataFrame({"targetid": targetid, **sound, **changes})


def make_truth(targetid: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    truth = np.zeros(len(targetid), [("targetid", "i8"), ("junk", "i1")])
    truth["targetid"], truth["junk"] = targetid, kinds
    return truth[::-1]


def measured(table: pd.DataFrame, truth: np.ndarray | None) -> pd.DataFrame:
    return anomalies.measure_lists(table, truth, bootstrap=50, rng=np.random.default_rng(0))


def value(metrics: pd.DataFrame, protocol: str, target: str, metric: str) -> pd.Series:
    rows = metrics.query("protocol == @protocol and target == @target and metric == @metric")
    assert len(rows) == 1
    return rows.iloc[0]


# --- scores --------------------------------------------------------------------------------------


@pytest.mark.parametrize("modality", tables.MODALITIES)
def test_galaxy_far_from_the_train_split_is_among_the_most_anomalous(splits, modality):
    train, test = splits
    test.unit[modality][ODD] *= -1
    scores = anomalies.score(train, test, k=8)
    assert set(range(5)) <= set(scores["anomaly_score"].nlargest(10).index)
    others = np.delete(np.arange(N), ODD)
    for name in (f"{modality}_distance", "pair_distance"):
        assert scores[name][ODD].min() > scores[name][others].max()
    assert set(scores["anomaly_of"][ODD]) == {modality}


def test_score_is_the_sum_of_both_distances_whatever_the_pair(splits):
    train, test = splits
    scores = anomalies.score(train, test, k=8)
    both = [anomalies.unusual(scores[f"{m}_distance"].to_numpy()) for m in tables.MODALITIES]
    np.testing.assert_allclose(scores["anomaly_score"], (both[0] + both[1]) / np.sqrt(2))
    test.unit["spectrum"][:] = test.unit["spectrum"][::-1]  # of other galaxies, all of them known ones
    swapped = anomalies.score(train, test, k=8)
    assert swapped["pair_distance"].mean() > 1.5 * scores["pair_distance"].mean()
    np.testing.assert_allclose(swapped["spectrum_distance"], scores["spectrum_distance"][::-1])


def test_distance_is_the_mean_to_the_nearest_and_leaves_absent_ones_out():
    references = np.array([[1, 0], [0, 1], [-1, 0], [np.nan, np.nan]], "f4")
    queries = np.array([[1, 0], [np.nan, np.nan]], "f4")
    distance = anomalies.neighbour_distance(references, queries, 2)
    np.testing.assert_allclose(distance, [np.sqrt(2) / 2, np.nan])
    np.testing.assert_allclose(anomalies.neighbour_distance(references, queries, 99)[0], (np.sqrt(2) + 2) / 3)
    assert np.isnan(anomalies.neighbour_distance(references[3:], queries, 2)).all()


def test_unusual_is_in_standard_deviations_of_the_logarithm():
    logs = np.random.default_rng(0).normal(3, 0.2, 20_000)
    found = anomalies.unusual(np.append(np.exp(logs), np.nan))
    assert abs(np.nanstd(found) - 1) < 0.03
    assert np.isnan(found[-1])
    assert anomalies.unusual(np.array([2.0, 2.0, np.nan])).tolist()[:2] == [0, 0]
    assert np.isnan(anomalies.unusual(np.full(3, np.nan))).all()


def test_galaxy_without_a_modality_is_scored_by_the_other_and_without_both_not_at_all(splits):
    train, test = splits
    test.unit["image"][0] = np.nan
    test.unit["image"][1] = test.unit["spectrum"][1] = np.nan
    table = anomalies.list_both(anomalies.score(train, test, k=8), None)
    assert table.loc[0, ["image_distance", "pair_distance"]].isna().all()
    assert table.loc[0, "anomaly_of"] == "spectrum"
    assert table.loc[0, "anomaly_rank"] > 0
    assert np.isnan(table.loc[1, "anomaly_score"])
    assert table.loc[1, ["anomaly_of", "anomaly_rank"]].tolist() == ["", 0]


def test_galaxy_in_both_splits_is_refused(splits):
    train, _ = splits
    with pytest.raises(DataError, match=r"200 galaxies are in the train and in the test .*TARGETID 1000"):
        anomalies.score(train, train, k=8)


# --- lists ---------------------------------------------------------------------------------------


def test_suspected_artefacts_are_no_anomalies(splits):
    train, test = splits
    for vectors in test.unit.values():
        vectors[ODD] *= -1
    trail = np.full(N, 1.0)
    trail[:2] = [500, 5000]
    measures = make_measures(test.targetid, image_trail=trail).iloc[::-1].reset_index(drop=True)
    table = anomalies.list_both(anomalies.score(train, test, k=8), measures)
    assert list(table)[: len(tables.ANOMALY_COLUMNS) - 1] == list(tables.ANOMALY_COLUMNS[:-1])
    assert set(table) == {*tables.ANOMALY_COLUMNS, *tables.ARTEFACT_COLUMNS, *artefacts.CHECKS}
    np.testing.assert_array_equal(table["targetid"], test.targetid)
    assert table["suspected_artefact"].to_numpy().nonzero()[0].tolist() == [0, 1]
    assert table["artefact_rank"][:2].tolist() == [2, 1]
    assert table["anomaly_rank"][:2].tolist() == [0, 0]
    assert sorted(table["anomaly_rank"][2:5]) == [1, 2, 3]
    assert sorted(table["anomaly_rank"][2:]) == list(range(1, N - 1))
    assert "straight bright line" in table["reason"][0]
    short = anomalies.shortlist(table, 3)
    assert short["role"].tolist() == ["anomalies"] * 3 + ["artefacts"] * 2
    assert short["targetid"][3:].tolist() == [5001, 5000]
    assert short["anomaly_rank"][:3].tolist() == [1, 2, 3]


def test_without_pixels_there_is_the_list_of_anomalies_alone(splits):
    table = anomalies.list_both(anomalies.score(*splits, k=8), None)
    assert tuple(table) == tables.ANOMALY_COLUMNS
    assert set(anomalies.shortlist(table, 3)["role"]) == {"anomalies"}
    metrics = measured(table, None)
    assert metrics["protocol"].tolist() == [anomalies.NO_TRUTH]
    assert metrics["value"].isna().all()


def test_galaxy_that_was_not_checked_is_refused(splits):
    scores = anomalies.score(*splits, k=8)
    with pytest.raises(DataError, match=r"1 of 200 embedded galaxies are in no shard .*TARGETID 5199"):
        anomalies.list_both(scores, make_measures(scores["targetid"].to_numpy()[:-1]))


# --- recall --------------------------------------------------------------------------------------


def test_recall_and_precision_are_those_counted_by_hand(splits):
    train, test = splits
    trail, gap, kinds = np.full(N, 1.0), np.full(N, 0.0), np.zeros(N, int)
    kinds[:4] = junk.SATURATED_STAR
    kinds[4:6] = junk.MISSING_BAND
    trail[:3], trail[3] = 500, 8  # the fourth is not suspected, and behind two sound ones
    trail[10:12], trail[20:40] = 9, 7
    gap[4] = 0.1  # of the sixth nothing is missing in the cutout
    measures = make_measures(test.targetid, image_trail=trail, image_gap=gap)
    table = anomalies.list_both(anomalies.score(train, test, k=8), measures)
    metrics = measured(table, make_truth(test.targetid, kinds))
    assert tuple(metrics) == tables.METRIC_COLUMNS
    for target, recall_n, recall_2n, precision_n, n in (
        ("any", 4 / 6, 5 / 6, 4 / 6, 6),
        ("any_in_cutout", 4 / 5, 1, 4 / 6, 5),
        ("saturated_star", 3 / 4, 1, 3 / 6, 4),
        ("missing_band", 1 / 2, 1 / 2, 1 / 6, 2),
    ):
        found = value(metrics, "artefact_list", target, "recall@1n")
        assert (found["value"], found["n"]) == (pytest.approx(recall_n), n)
        assert found["low"] <= found["value"] <= found["high"]
        assert value(metrics, "artefact_list", target, "recall@2n")["value"] == pytest.approx(recall_2n)
        found = value(metrics, "artefact_list", target, "precision@1n")
        assert (found["value"], found["n"]) == (pytest.approx(precision_n), 6)
    assert set(metrics["protocol"]) == {"suspected", *anomalies.LISTS.values()}
    assert value(metrics, "suspected", "any", "fraction")["value"] == pytest.approx(4 / N)
    assert value(metrics, "suspected", "image_trail", "fraction")["value"] == pytest.approx(3 / N)
    again = measured(table, make_truth(test.targetid, kinds))
    pd.testing.assert_frame_equal(metrics, again)


def test_survey_without_planted_artefacts_has_no_recall(splits):
    train, test = splits
    table = anomalies.list_both(anomalies.score(train, test, k=8), make_measures(test.targetid))
    metrics = measured(table, make_truth(test.targetid, np.zeros(N, int)))
    assert metrics.query("protocol != 'suspected'")["value"].isna().all()
    assert value(metrics, "suspected", "any", "fraction")["value"] == 0


def test_truth_of_another_survey_is_refused(splits):
    train, test = splits
    table = anomalies.list_both(anomalies.score(train, test, k=8), make_measures(test.targetid))
    with pytest.raises(DataError, match="lacks 1 of 200 galaxies of the test split"):
        measured(table, make_truth(test.targetid[1:], np.zeros(N - 1, int)))
