"""Flux-conserving resampling in one dimension: of spectra, and of images axis by axis."""

import numpy as np
from scipy.interpolate import CubicHermiteSpline


def bin_edges(centres: np.ndarray) -> np.ndarray:
    """Place the edges of bins midway between their centres.

    Parameters
    ----------
    centres : ndarray of shape (n,)
        Rising.

    Returns
    -------
    ndarray of shape (n + 1,)
    """
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def rebin(density: np.ndarray, edges: np.ndarray, new_edges: np.ndarray) -> np.ndarray:
    """Average a density over new bins such that its integral is kept.

    Parameters
    ----------
    density : ndarray of shape (..., n)
        Mean of each bin, for example flux per Angstrom or per unit of area.
    edges : ndarray of shape (n + 1,)
        Rising.
    new_edges : ndarray of shape (m + 1,)
        Rising; nothing lies outside the old edges.

    Returns
    -------
    ndarray of shape (..., m), float64

    Notes
    -----
    Differences of the cumulative integral, so the sum is exact. Between the edges the integral is
    interpolated by a cubic whose slope at an edge is the density interpolated between its two
    neighbours: on a finer grid the result is smooth instead of a staircase, and a bin that equals
    an old one keeps its value.
    """
    width = np.diff(edges)
    total = np.zeros((*density.shape[:-1], len(edges)))
    np.cumsum(density * width, axis=-1, out=total[..., 1:])
    share = width[:-1] / (width[:-1] + width[1:])
    slope = np.empty_like(total)
    slope[..., 1:-1] = density[..., :-1] * (1 - share) + density[..., 1:] * share
    slope[..., 0], slope[..., -1] = density[..., 0], density[..., -1]
    inside = np.clip(new_edges, edges[0], edges[-1])
    return np.diff(CubicHermiteSpline(edges, total, slope, axis=-1)(inside), axis=-1) / np.diff(new_edges)


def coverage(valid: np.ndarray, edges: np.ndarray, new_edges: np.ndarray) -> np.ndarray:
    """Share of each new bin that valid old bins cover.

    Parameters
    ----------
    valid : ndarray of shape (..., n), bool
    edges : ndarray of shape (n + 1,)
        Rising.
    new_edges : ndarray of shape (m + 1,)
        Rising.

    Returns
    -------
    ndarray of shape (..., m), float64
        Between 0 and 1.
    """
    rows = valid.reshape(-1, valid.shape[-1])
    total = np.zeros((len(rows), len(edges)))
    np.cumsum(rows * np.diff(edges), axis=-1, out=total[:, 1:])
    at_new = np.stack([np.interp(new_edges, edges, row) for row in total])
    share = np.diff(at_new, axis=-1) / np.diff(new_edges)
    return share.reshape(*valid.shape[:-1], -1)
