"""Retrieval: ranks by hand and by brute force, chance, and neighbour lists."""

import factories
import numpy as np
import pytest

from galaxypair import io, retrieval, tables
from galaxypair.errors import DataError


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def random_unit(n: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    return io.unit(np.random.default_rng(seed).normal(size=(n, dim)).astype("f4"))


def embeddings_of(image: np.ndarray, spectrum: np.ndarray) -> io.Embeddings:
    return io.Embeddings(np.arange(100, 100 + len(image)), {}, {"image": image, "spectrum": spectrum})


@pytest.fixture
def pairs(tmp_path) -> io.Embeddings:
    z = rng().uniform(0.05, 0.5, 200)
    read = io.read_embeddings(factories.make_embeddings(tmp_path / "test.parquet", np.arange(200), z))
    # copies, which a test may change: what is read may share the file's buffers
    return io.Embeddings(read.targetid, read.raw, {m: v.copy() for m, v in read.unit.items()})


def test_ranks_by_hand():
    queries = np.array([[1, 0], [0, 1], [0.6, 0.8]], "f4")
    references = np.array([[0.6, 0.8], [0, 1], [1, 0]], "f4")
    # cosines 0.6 0 1 | 0.8 1 0 | 1 0.8 0.6: the partner is second, first, last
    assert retrieval.pair_ranks(queries, references).tolist() == [2, 1, 3]


def test_ranks_agree_with_a_full_sort_whatever_the_blocks(monkeypatch):
    queries, references = random_unit(60), random_unit(60, seed=1)
    order = np.argsort(-(queries @ references.T), axis=1)
    expected = 1 + np.argmax(order == np.arange(60)[:, None], axis=1)
    monkeypatch.setattr(retrieval, "BLOCK_VALUES", 7 * 60)
    np.testing.assert_array_equal(retrieval.pair_ranks(queries, references), expected)


def test_collapsed_embeddings_rank_like_chance():
    same = np.repeat(random_unit(1), 101, axis=0)
    assert retrieval.pair_ranks(same, same).tolist() == [51] * 101


def test_perfect_pairs_have_rank_one():
    unit = random_unit(50)
    scores = retrieval.evaluate(embeddings_of(unit, unit), recall_at=[1], bootstrap=20, rng=rng())
    values = scores.set_index(["query", "metric"])["value"]
    for query in tables.MODALITIES:
        assert values[query, "recall@1"] == 1
        assert values[query, "median_rank"] == 1


def test_query_is_what_searches():
    spectrum = np.array([[1, 0, 0], [0.8, 0.6, 0], [0.9, 0, np.sqrt(0.19)]], "f4")
    split = embeddings_of(np.eye(3, dtype="f4"), spectrum)  # image 0 is the nearest to every spectrum
    scores = retrieval.evaluate(split, recall_at=[1], bootstrap=20, rng=rng())
    recall = scores.query("metric == 'recall@1'").set_index("query")["value"]
    assert recall.to_dict() == {"image": 1, "spectrum": pytest.approx(1 / 3)}


def test_unrelated_pairs_score_like_chance():
    split = embeddings_of(random_unit(400, 32), random_unit(400, 32, seed=1))
    scores = retrieval.evaluate(split, recall_at=[10, 100], bootstrap=20, rng=rng())
    values = scores.query("query == 'image'").set_index("metric")["value"]
    assert values["recall@100"] == pytest.approx(values["chance_recall@100"], abs=0.07)
    assert values["median_rank"] == pytest.approx(values["chance_median_rank"], rel=0.2)


def test_chance_interval_is_that_of_simulated_draws():
    n, draws = 80, 4000
    ranks = rng().integers(1, n + 1, (draws, n))
    summary = retrieval.chance(n, [10])
    for name, simulated in (
        ("chance_recall@10", np.mean(ranks <= 10, axis=1)),
        ("chance_median_rank", np.median(ranks, axis=1)),
    ):
        value, low, high = summary[name]
        assert value == pytest.approx(simulated.mean(), rel=0.02)
        tolerance = 0.6 if name == "chance_median_rank" else 0.001  # simulated ones move by halves
        assert (low, high) == pytest.approx(np.percentile(simulated, [16, 84]), abs=tolerance)
    assert (low + high) / 2 == pytest.approx(value)


def test_recall_beyond_the_number_of_galaxies_is_one():
    assert retrieval.chance(5, [100])["chance_recall@100"] == (1, 1, 1)


def test_scores_name_both_ways_and_count_pairs_alone(pairs):
    pairs.unit["image"][:20] = np.nan
    pairs.unit["spectrum"][10:30] = np.nan
    scores = retrieval.evaluate(pairs, recall_at=[1, 10], bootstrap=20, rng=rng())
    assert tuple(scores.columns) == tables.METRIC_COLUMNS
    ways = set(zip(scores["query"], scores["reference"], strict=True))
    assert ways == {("image", "spectrum"), ("spectrum", "image")}
    assert scores["n"].eq(170).all()
    values = scores.query("query == 'image'").set_index("metric")["value"]
    assert values["recall@10"] > 5 * values["chance_recall@10"]


def test_neighbours_are_the_nearest_and_never_the_query_within_a_modality(pairs):
    found = retrieval.neighbours(pairs, np.array([7, 150, 3]), n_neighbours=5)
    assert len(found) == 4 * 3 * 5
    for (query_id, query, reference), part in found.groupby(["targetid", "query", "reference"]):
        similarity = pairs.unit[reference] @ pairs.unit[query][query_id]
        if query == reference:
            similarity[query_id] = -np.inf
            assert query_id not in part["neighbour"].tolist()
        assert part["rank"].tolist() == [1, 2, 3, 4, 5]
        np.testing.assert_allclose(part["similarity"], np.sort(similarity)[::-1][:5], rtol=1e-5)
        np.testing.assert_allclose(part["similarity"], similarity[part["neighbour"]], rtol=1e-5)


def test_query_is_not_its_own_neighbour_though_copies_of_it_are_as_near(pairs):
    for modality in tables.MODALITIES:
        pairs.unit[modality][:40] = pairs.unit[modality][0]  # of 40, not all are among the 6 nearest
    found = retrieval.neighbours(pairs, np.arange(40), n_neighbours=5)
    within = found[found["query"] == found["reference"]]
    assert (within["targetid"] != within["neighbour"]).all()
    assert len(found) == 4 * 40 * 5
    np.testing.assert_allclose(within["similarity"], 1, rtol=1e-5)


def test_counterpart_is_found_across_modalities():
    unit = random_unit(30)
    found = retrieval.neighbours(embeddings_of(unit, unit), np.array([104, 120]), n_neighbours=3)
    first = found[(found["query"] != found["reference"]) & (found["rank"] == 1)]
    assert len(first) == 4
    assert (first["targetid"] == first["neighbour"]).all()


def test_neighbours_have_both_modalities(pairs):
    pairs.unit["image"][:150] = np.nan
    found = retrieval.neighbours(pairs, np.array([199]), n_neighbours=49)
    assert set(found["neighbour"]) <= set(range(150, 200))


def test_few_galaxies_give_short_lists():
    unit = random_unit(3)
    found = retrieval.neighbours(embeddings_of(unit, unit), np.array([100, 102]), n_neighbours=8)
    assert found["rank"].max() == 2


def test_fewer_than_two_pairs_are_refused():
    image = random_unit(2)
    image[0] = np.nan
    with pytest.raises(DataError, match="1 of 2 galaxies of the test split have both"):
        retrieval.evaluate(embeddings_of(image, random_unit(2)), recall_at=[1], bootstrap=20, rng=rng())
