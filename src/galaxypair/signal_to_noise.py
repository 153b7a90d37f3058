"""Signal-to-noise of spectra from their fluxes alone, for spectra that come without errors."""

import logging
from collections.abc import Iterable

import numpy as np
import pandas as pd

logger = logging.getLogger(__name__)

# makes the median of |2 f_i - f_(i-2) - f_(i+2)| of normal noise its standard deviation: 1.482602 / sqrt(6)
NOISE_PER_MEDIAN = 0.6052697


def der_snr(flux: np.ndarray) -> np.ndarray:
    """Estimate the median signal-to-noise of spectra per wavelength bin.

    Parameters
    ----------
    flux : ndarray of shape (n, n_wavelength)
        0 exactly where there are no data, in any unit.

    Returns
    -------
    ndarray of shape (n,), float64
        NaN of a spectrum without data, or of one without noise.

    Notes
    -----
    DER_SNR: the signal is the median flux; the noise comes from the third-order differences of bins two
    apart, which neither the slope of the continuum nor the correlation of adjacent bins moves. Lines
    wider than a few bins and sky residuals count as what most bins show, for both are medians. Spectra
    that were resampled to coarser noise than two bins look better than they are.

    References
    ----------
    Stoehr et al. (2008), ADASS XVII, ASP 394, 505.
    """
    flux = np.asarray(flux, np.float32)
    known = np.where(flux != 0, flux, np.nan)
    difference = np.abs(2 * known[:, 2:-2] - known[:, :-4] - known[:, 4:])
    ratio = np.full(len(flux), np.nan)
    there = np.isfinite(difference).any(axis=1)
    signal = np.nanmedian(known[there], axis=1).astype(np.float64)
    noise = NOISE_PER_MEDIAN * np.nanmedian(difference[there], axis=1)
    ratio[there] = np.divide(signal, noise, out=np.full(len(noise), np.nan), where=noise > 0)
    return ratio


def of_batches(batches: Iterable[dict[str, np.ndarray]]) -> pd.DataFrame:
    """Estimate the signal-to-noise of galaxies that come batch by batch.

    Parameters
    ----------
    batches : iterable of dict
        `targetid`, `spectrum` and `has_spectrum`, as `io.iter_shards` gives them.

    Returns
    -------
    pandas.DataFrame
        targetid, spectrum_snr, of the galaxies that have a spectrum.
    """
    parts, n = [pd.DataFrame({"targetid": np.empty(0, np.int64), "spectrum_snr": np.empty(0)})], 0
    for batch in batches:
        n, own = n + len(batch["targetid"]), batch["has_spectrum"]
        values = der_snr(batch["spectrum"][own])
        parts.append(pd.DataFrame({"targetid": batch["targetid"][own], "spectrum_snr": values}))
    found = pd.concat(parts, ignore_index=True)
    logger.info(
        "%s galaxies in = %s with a spectrum + %s without; of %s its noise is unknown.",
        *(f"{count:,}" for count in (n, len(found), n - len(found), found["spectrum_snr"].isna().sum())),
    )
    return found
