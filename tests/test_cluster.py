"""Clusters: made groups are found, numbered by size, the same in each run."""

import logging

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from galaxypair import io, tables
from galaxypair.cluster import (
    by_size,
    dbscan_islands,
    dbscan_radius,
    describe,
    hdbscan_islands,
    islands,
    scan_kmeans,
)
from galaxypair.errors import DataError

SIZES = (30, 80, 50)


def make_groups(dim: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.repeat(range(len(SIZES)), SIZES)
    return 5 * np.eye(len(SIZES), dim)[truth] + rng.normal(0, spread, (len(truth), dim)), truth


def scan(vectors, ks=(2, 3, 4, 5)):
    return scan_kmeans(vectors, ks, silhouette_galaxies=100, seed=0)


def test_labels_are_numbered_by_falling_size_and_noise_stays():
    assert by_size(np.array([7, 7, 2, 2, 2, -1, 0])).tolist() == [1, 1, 0, 0, 0, -1, 2]


def test_equally_large_clusters_are_numbered_by_first_member():
    assert by_size(np.array([5, 5, 1, 1])).tolist() == [0, 0, 1, 1]


def test_numbering_is_idempotent_and_blind_to_names():
    labels = np.random.default_rng(0).integers(0, 6, 200)
    once = by_size(labels)
    assert np.array_equal(by_size(once), once)
    assert np.array_equal(by_size(100 - labels), once)


def test_kmeans_finds_the_number_of_groups_by_silhouette():
    vectors, truth = make_groups(8, 0.5)
    labels, table = scan(io.unit(vectors))
    assert adjusted_rand_score(truth, labels) == 1
    assert np.bincount(labels).tolist() == sorted(SIZES, reverse=True)
    assert table["k"].tolist() == [2, 3, 4, 5]
    assert table.loc[table["silhouette"].idxmax(), "k"] == 3
    assert table["inertia"].is_monotonic_decreasing


def test_kmeans_is_the_same_in_each_run():
    vectors = np.random.default_rng(0).normal(size=(200, 4))
    assert np.array_equal(scan(vectors)[0], scan(vectors)[0])


def test_kmeans_leaves_out_k_beyond_the_galaxies(caplog):
    caplog.set_level(logging.INFO)
    _, table = scan(np.eye(4), ks=(2, 3, 4, 50))
    assert table["k"].tolist() == [2, 3]
    assert "Only 4 distinct embeddings" in caplog.text


def test_collapsed_embeddings_are_refused():
    with pytest.raises(DataError, match="KMeans of 50 galaxies with 1 distinct"):
        scan(np.ones((50, 4)))


def find_radius(plane, rule="quantile", min_samples=5, quantile=0.98):
    return dbscan_radius(plane, rule, min_samples=min_samples, quantile=quantile)


@pytest.mark.parametrize("rule", ["quantile", "knee"])
def test_dbscan_finds_islands_whatever_the_scale_of_the_plane(rule):
    plane, truth = make_groups(2, 0.2)
    for scale in (0.01, 1, 100):
        labels = dbscan_islands(scale * plane, min_samples=5, eps=find_radius(scale * plane, rule))
        assert labels.max() + 1 == 3
        core = labels >= 0
        assert core.mean() > 0.9
        assert adjusted_rand_score(truth[core], labels[core]) == 1


def test_dbscan_makes_most_galaxies_core_points_and_far_ones_noise():
    plane, _ = make_groups(2, 0.2)
    plane = np.vstack([plane, [[40, 40]]])
    labels = dbscan_islands(plane, min_samples=5, eps=find_radius(plane, quantile=0.9))
    assert labels[-1] == -1


def test_dbscan_radius_is_a_quantile_of_the_distances_to_the_min_samples_th_galaxy():
    # third nearest, itself included: 1 inside the row, 2 at its ends, 3 and 4 for the pair beyond
    plane = np.array([[x, 0.0] for x in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13)])
    assert find_radius(plane, min_samples=3, quantile=1.0) == 4
    assert find_radius(plane, min_samples=3, quantile=0.5) == 1
    assert dbscan_islands(plane, min_samples=3, eps=1.0).tolist() == [0] * 10 + [-1] * 2


def test_dbscan_radius_is_the_knee_of_the_sorted_distances():
    # second nearest, itself included: 1 in the row, then 5 (twice) and 60
    plane = np.array([[x, 0.0] for x in (*range(10), 30, 35, 95)])
    assert find_radius(plane, "knee", min_samples=2) == 5
    assert find_radius(np.ones((20, 2)), "knee") > 0


def test_dbscan_radius_may_be_a_number():
    plane, _ = make_groups(2, 0.2)
    assert find_radius(plane, 0.22) == 0.22


def test_hdbscan_finds_islands_of_different_density_that_no_radius_finds():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], (100, 80, 60))
    spread = np.array([1.0, 0.05, 0.05])[truth, None]
    plane = np.array([[0, 0], [5, 0], [5.6, 0]])[truth] + spread * rng.normal(size=(240, 2))
    for scale in (0.01, 100):
        labels = hdbscan_islands(scale * plane, min_samples=5, min_cluster_size=20)
        core = labels >= 0
        assert core.mean() > 0.8
        assert adjusted_rand_score(truth[core], labels[core]) > 0.99
        assert np.bincount(labels[core]).tolist() == sorted(np.bincount(labels[core]), reverse=True)


def test_hdbscan_of_too_few_galaxies_for_two_clusters_is_noise():
    assert hdbscan_islands(np.eye(3, 2), min_samples=2, min_cluster_size=2).tolist() == [-1] * 3


SETTINGS = {
    "dbscan_eps": "quantile", "dbscan_eps_quantile": 0.98, "dbscan_min_samples": 5, "hdbscan_min_share": 0.1,
}  # fmt: skip


def test_islands_are_told_with_the_settings_that_were_used(caplog):
    caplog.set_level(logging.INFO)
    plane, truth = make_groups(2, 0.2)
    labels, found = islands(plane, SETTINGS)
    table = describe({"kmeans": truth, **labels}, found, "image").set_index("method")
    assert tuple(table.reset_index()[list(tables.CLUSTERING_COLUMNS)].columns) == tables.CLUSTERING_COLUMNS
    assert table["clusters"].tolist() == [3, 3, 3]
    assert table.loc["dbscan", "eps"] == find_radius(plane)
    assert table.loc["dbscan", "eps_rule"] == "quantile"
    assert table.loc["hdbscan", "min_cluster_size"] == 16
    assert np.isnan(table.loc["kmeans", "min_samples"])
    assert table.loc["kmeans", "largest_fraction"] == 80 / 160
    assert "dbscan, image space (min_samples 5, eps 0." in caplog.text


def test_islands_of_very_few_galaxies_are_found_with_fewer_neighbours():
    labels, found = islands(np.eye(2), SETTINGS)
    assert labels["dbscan"].tolist() == [0, 0]
    assert labels["hdbscan"].tolist() == [-1, -1]
    assert found["dbscan"]["min_samples"] == 2
