import numpy as np
import pytest

from galaxypair.ingest.resample import bin_edges, coverage, rebin


@pytest.mark.parametrize("n_new", [7, 40, 333])
def test_rebin_keeps_the_integral_on_coarser_and_finer_grids(n_new):
    rng = np.random.default_rng(1)
    edges = np.cumsum(rng.uniform(0.5, 2, 101))
    density = rng.normal(3, 1, (2, 100))
    new_edges = np.linspace(edges[0], edges[-1], n_new + 1)
    new = rebin(density, edges, new_edges)
    assert np.allclose((new * np.diff(new_edges)).sum(-1), (density * np.diff(edges)).sum(-1), rtol=1e-12)


def test_rebin_on_the_same_bins_changes_nothing():
    density = np.random.default_rng(2).normal(size=50)
    edges = np.arange(51.0)
    assert np.allclose(rebin(density, edges, edges), density, atol=1e-12)


def test_rebin_of_a_straight_line_is_that_line_whatever_the_bins():
    # the mean of a line over a bin is its value in the middle
    edges = np.cumsum(np.random.default_rng(3).uniform(0.2, 2, 30))
    centres = (edges[1:] + edges[:-1]) / 2
    new_edges = np.linspace(edges[1], edges[-2], 100)
    middle = (new_edges[1:] + new_edges[:-1]) / 2
    assert np.allclose(rebin(2 + 0.5 * centres, edges, new_edges), 2 + 0.5 * middle)


def test_rebin_gives_nothing_outside():
    new = rebin(np.ones(10), np.arange(11.0), np.array([-4.0, -2.0, 5.0, 20.0, 22.0]))
    assert np.allclose(new[[0, 3]], 0)


def test_coverage_by_hand():
    valid = np.array([True, True, False, True])
    share = coverage(valid, np.arange(5.0), np.array([-1.0, 1.0, 2.5, 4.0]))
    assert np.allclose(share, [0.5, 1 / 1.5, 1 / 1.5])


def test_edges_lie_midway():
    assert np.allclose(bin_edges(np.array([1.0, 2.0, 4.0])), [0.5, 1.5, 3.0, 5.0])
