"""Nearest neighbours: the same from every backend, as scikit-learn finds them."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from galaxypair import io, knn


def vectors(n: int, seed: int, dim: int = 24) -> np.ndarray:
    latent = np.random.default_rng(seed).normal(size=(n, 4))
    return io.unit(np.cos(latent @ np.random.default_rng(0).normal(size=(4, dim)))).astype("f4")


@pytest.mark.parametrize("device", [None, "cpu"])
def test_rows_and_distances_are_those_of_scikit_learn_in_float64(device):
    references, queries = vectors(3000, 1), vectors(400, 2)
    distance, row = knn.nearest(references, queries, 16, device=device)
    search = NearestNeighbors(n_neighbors=16, algorithm="brute").fit(references.astype("f8"))
    expected_distance, expected_row = search.kneighbors(queries.astype("f8"))
    np.testing.assert_array_equal(row, expected_row)
    np.testing.assert_allclose(distance, expected_distance, rtol=1e-12)
    assert distance.dtype == np.float64 and row.dtype == np.int64


@pytest.mark.parametrize("offset", [0.0, 300.0])  # far from the origin float32 keeps few digits
def test_torch_and_scikit_learn_give_the_same_in_any_blocks(monkeypatch, offset):
    references, queries = (vectors(n, seed) + np.float32(offset) for n, seed in ((900, 1), (130, 2)))
    expected = knn.nearest(references, queries, 5)
    monkeypatch.setattr(knn, "SIMILARITIES", 900 * 7)
    monkeypatch.setattr(knn, "BLOCK_VALUES", 24 * 21 * 11)
    for found, wanted in zip(knn.nearest(references, queries, 5, device="cpu"), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_what_float32_cannot_tell_apart_is_searched_again(monkeypatch):
    rng = np.random.default_rng(3)
    far = np.zeros(8)
    far[0] = 1000.0  # beside it, float32 loses what tells the others apart
    references = np.vstack([far, -far, 1e-4 * rng.normal(size=(500, 8))])
    queries = 1e-4 * rng.normal(size=(20, 8))
    asked = []
    search = knn._search
    monkeypatch.setattr(knn, "_search", lambda r, q, n: asked.append(len(q)) or search(r, q, n))
    distance, row = knn.nearest(references, queries, 3, device="cpu")
    assert asked == [20]
    brute = np.linalg.norm(queries[:, None] - references, axis=2)
    np.testing.assert_array_equal(row, np.argsort(brute, axis=1)[:, :3])
    np.testing.assert_allclose(distance, np.sort(brute, axis=1)[:, :3], rtol=1e-12)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_equal_vectors_have_no_distance_and_their_own_order(device):
    references = np.repeat(vectors(4, 1), 3, axis=0)
    distance, row = knn.nearest(references, references[[5]], 4, device=device)
    np.testing.assert_array_equal(row[0, :3], [3, 4, 5])
    np.testing.assert_array_equal(distance[0, :3], 0)
    assert distance[0, 3] > 0.01


def test_precision_of_torch_is_as_before():
    import torch

    before = torch.get_float32_matmul_precision()
    knn.nearest(vectors(50, 1), vectors(5, 2), 3, device="cpu")
    assert torch.get_float32_matmul_precision() == before


def test_torch_is_not_asked_for_where_there_is_no_driver(monkeypatch, tmp_path):
    monkeypatch.setattr(knn, "GPU_DRIVER", tmp_path / "none")
    monkeypatch.setattr(knn, "import_module", lambda name: pytest.fail(f"imported {name}"))
    knn.nearest(vectors(50, 1), vectors(5, 2), 3)


def test_a_gpu_is_used_if_torch_is_there(monkeypatch, tmp_path):
    import torch

    monkeypatch.setattr(knn, "GPU_DRIVER", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert knn.backend() == "cuda"
    monkeypatch.setattr(knn, "find_spec", lambda _: None)
    assert knn.backend() == "scikit-learn"


def test_average_by_hand():
    labels = np.array([[10.0, 1], [20, 2], [60, 6]])
    row, distance = np.array([[0, 1], [0, 2]]), np.array([[0.5, 0.25], [0, 0.3]])
    np.testing.assert_allclose(knn.average(distance, row, labels, "uniform"), [[15, 1.5], [35, 3.5]])
    np.testing.assert_allclose(knn.average(distance, row, labels, "distance"), [[50 / 3, 5 / 3], [10, 1]])
