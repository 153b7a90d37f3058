"""Median spectra of clusters: at rest, of the cluster's own galaxies, bounded in memory."""

import logging

import numpy as np
import pandas as pd
import pytest

from galaxypair import tables
from galaxypair.cluster_spectra import REST, WAVELENGTH, median_spectra, rest_spectra, spread
from galaxypair.gallery import LARGEST

Z = 0.25


def line(rest, z=Z, height=20.0):
    flux = np.ones(tables.N_WAVELENGTH, np.float32)
    flux[np.abs(WAVELENGTH - rest * (1 + z)) < 5] = height
    return flux


def rng():
    return np.random.default_rng(0)


def test_line_comes_to_its_rest_wavelength_and_gaps_stay_gaps():
    flux = line(5008.2)
    flux[1000:1100] = 0
    (rest,) = rest_spectra(np.array([flux]), np.array([Z], np.float32))
    assert REST[np.nanargmax(rest)] == pytest.approx(5008, abs=5)
    inside = (REST * (1 + Z) > WAVELENGTH[1001]) & (REST * (1 + Z) < WAVELENGTH[1098])
    assert np.isnan(rest[inside]).all()
    assert np.isnan(rest[REST * (1 + Z) > tables.WAVELENGTH_MAX]).all()
    assert np.isfinite(rest[(REST > 3000) & (REST < 3500)]).any()
    np.testing.assert_allclose(np.nanmedian(rest), 1)


def test_spectra_that_cannot_be_compared_are_left_out():
    flux = np.array([line(5000), line(5000), np.zeros(tables.N_WAVELENGTH), -line(5000), line(5000)])
    z = np.array([0.1, np.nan, 0.1, 0.1, 0.2])
    assert rest_spectra(flux, z).shape == (2, len(REST))
    assert rest_spectra(flux[:0], z[:0]).shape == (0, len(REST))


def test_spread_is_that_of_the_galaxies_observed_and_of_half_at_least():
    rest = np.tile(np.arange(11.0), (3, 1)).T.copy()  # 11 galaxies, 3 wavelengths
    rest[6:, 1] = np.nan
    rest[5:, 2] = np.nan
    out = spread(rest)
    np.testing.assert_allclose(out[:, 0], np.percentile(np.arange(11), [50, 16, 84]))
    np.testing.assert_allclose(out[:, 1], np.percentile(np.arange(6), [50, 16, 84]))
    assert np.isnan(out[:, 2]).all()


class Survey:
    """Galaxies whose line stands for their cluster, handed out in another order than asked for."""

    def __init__(self, n=60):
        self.clusters = pd.DataFrame({"targetid": 1000 + np.arange(n), "cluster": np.arange(n) % 4 - 1})
        self.asked = []

    def read(self, ids):
        self.asked.append(ids)
        ids = np.sort(ids)
        label = self.clusters.set_index("targetid")["cluster"].loc[ids]
        spectra = np.array([line(4000 + 500 * c) for c in label])
        return {"targetid": ids, "z": np.full(len(ids), Z), "spectrum": spectra}


def test_each_cluster_has_the_spectrum_of_its_own_galaxies(caplog):
    caplog.set_level(logging.INFO)
    survey = Survey()
    found = median_spectra(survey.clusters, survey.read, per_cluster=5, rng=rng())
    assert found["cluster"].tolist() == [0, 1, 2]
    assert found["size"].tolist() == [15] * 3
    assert found["used"].tolist() == [5] * 3
    peaks = found["rest_wavelength"][np.nanargmax(found["median"], axis=1)]
    np.testing.assert_allclose(peaks, [4000, 4500, 5000], atol=5)
    assert "5 of 15 galaxies drawn, 5 of them with a spectrum" in caplog.text


def test_only_so_many_galaxies_of_one_cluster_are_in_memory_at_a_time():
    survey = Survey()
    median_spectra(survey.clusters, survey.read, per_cluster=5, rng=rng())
    assert [len(np.unique(ids)) for ids in survey.asked] == [5] * 3
    label = survey.clusters.set_index("targetid")["cluster"]
    assert [set(label.loc[ids]) for ids in survey.asked] == [{0}, {1}, {2}]


def test_draw_follows_the_seed_and_small_clusters_are_taken_whole():
    one, two = Survey(), Survey()
    for survey in (one, two):
        median_spectra(survey.clusters, survey.read, per_cluster=7, rng=rng())
    assert all(np.array_equal(a, b) for a, b in zip(one.asked, two.asked, strict=True))
    median_spectra(one.clusters, one.read, per_cluster=100, rng=rng())
    assert sorted(one.asked[-1]) == sorted(one.clusters.query("cluster == 2")["targetid"])


def test_noise_and_clusters_beyond_the_largest_are_left_out():
    survey = Survey()
    none = median_spectra(survey.clusters.assign(cluster=-1), survey.read, per_cluster=5, rng=rng())
    assert none["median"].shape == (0, len(REST))
    assert none["cluster"].shape == none["used"].shape == (0,)
    many = survey.clusters.assign(cluster=np.arange(60) // 5)

    def read(ids):
        return {"z": np.full(len(ids), Z), "spectrum": np.array([line(4000)] * len(ids))}

    assert len(median_spectra(many, read, per_cluster=5, rng=rng())["cluster"]) == LARGEST
