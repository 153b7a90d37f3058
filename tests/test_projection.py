"""Projection: reproducible, thinned, and clear about too few galaxies."""

import logging

import factories
import numpy as np
import pytest

from galaxypair import io
from galaxypair.errors import DataError
from galaxypair.projection import UmapSettings, principal_components, project
from galaxypair.spaces import space_vectors

SETTINGS = UmapSettings(n_neighbors=8, min_dist=0.1, metric="cosine", seed=1)


@pytest.fixture
def embeddings(tmp_path) -> io.Embeddings:
    z = np.random.default_rng(0).uniform(0.05, 0.5, 80)
    read = io.read_embeddings(factories.make_embeddings(tmp_path / "test.parquet", np.arange(80), z))
    # copies, which a test may change: what is read may share the file's buffers
    return io.Embeddings(read.targetid, read.raw, {m: v.copy() for m, v in read.unit.items()})


def test_vectors_of_both_have_unit_length_and_the_mean_cosine(embeddings):
    _, both = space_vectors(embeddings, "both")
    cosines = [v @ v.T for v in embeddings.unit.values()]
    np.testing.assert_allclose(both @ both.T, np.mean(cosines, axis=0), atol=1e-5)


def test_galaxies_without_the_modality_are_left_out(embeddings):
    embeddings.unit["image"][3] = np.nan
    assert 3 not in space_vectors(embeddings, "image")[0]
    assert 3 not in space_vectors(embeddings, "both")[0]
    assert len(space_vectors(embeddings, "spectrum")[0]) == 80


def test_two_runs_are_identical_and_keep_neighbours_together(embeddings):
    one, two = (project(embeddings, "both", max_galaxies=100, settings=SETTINGS) for _ in range(2))
    assert one.equals(two)
    assert one["targetid"].tolist() == list(range(80))
    vectors, plane = space_vectors(embeddings, "both")[1], one[["x", "y"]].to_numpy()
    nearest = np.argsort(-(vectors @ vectors.T), axis=1)[:, 1]
    distance = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    assert np.mean(distance[np.arange(80), nearest]) < 0.3 * distance.mean()


def test_too_many_galaxies_are_thinned_to_the_same_ones(embeddings):
    one, two = (project(embeddings, "image", max_galaxies=30, settings=SETTINGS) for _ in range(2))
    assert len(one) == 30
    assert one["targetid"].is_monotonic_increasing
    assert one.equals(two)


def test_fewer_galaxies_than_neighbours_reduce_these(embeddings, caplog):
    caplog.set_level(logging.INFO)
    few = project(embeddings, "image", max_galaxies=5, settings=SETTINGS)
    assert np.isfinite(few[["x", "y"]]).all(axis=None)
    assert "Only 5 galaxies: umap.n_neighbors reduced to 4" in caplog.text


def test_too_few_galaxies_are_refused(embeddings):
    embeddings.unit["image"][4:] = np.nan
    with pytest.raises(DataError, match="UMAP of 4 galaxies"):
        project(embeddings, "image", max_galaxies=100, settings=SETTINGS)


@pytest.mark.parametrize("space", ["image", "both"])
def test_principal_components_are_those_of_the_covariance(embeddings, space):
    plane, explained = principal_components(embeddings, space)
    vectors = space_vectors(embeddings, space)[1].astype(float)
    variance = np.linalg.eigvalsh(np.cov(vectors.T))[::-1]
    np.testing.assert_allclose(
        explained["explained_variance_ratio"], variance[:4] / variance.sum(), rtol=1e-6
    )
    np.testing.assert_allclose(plane[["x", "y", "pc3", "pc4"]].var(), variance[:4], rtol=1e-4)
    assert explained["component"].tolist() == [1, 2, 3, 4]
    assert plane["targetid"].tolist() == list(range(80))
    assert plane.equals(principal_components(embeddings, space)[0])


def test_principal_components_of_too_few_galaxies_are_refused(embeddings):
    embeddings.unit["image"][3:] = np.nan
    with pytest.raises(DataError, match="PCA of 3 galaxies"):
        principal_components(embeddings, "image")
