"""How good redshifts and masses are that were read off the encoders, and whether their confidence holds."""

import logging

import numpy as np
import pandas as pd

from galaxypair import metrics, tables

logger = logging.getLogger(__name__)

PROTOCOL = "readout"
TARGETS = ("z", "log_mstar")


def score(
    readout: pd.DataFrame, properties: pd.DataFrame, *, bootstrap: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure the readout of galaxies whose redshift or mass is known.

    Parameters
    ----------
    readout : pandas.DataFrame
        `tables.READOUT_COLUMNS`.
    properties : pandas.DataFrame
        targetid, and the targets that are known, NaN where not.
    bootstrap : int
        Resamplings for the 68 % interval.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        Columns `tables.METRIC_COLUMNS`; no rows where nothing can be compared.
    """
    known = properties.drop_duplicates("targetid").set_index("targetid").reindex(readout["targetid"])
    rows = []
    for target in (t for t in TARGETS if t in known):
        truth = pd.Series(known[target].to_numpy(float), readout.index)
        for space in tables.SPACES:
            rows += score_space(readout, truth, target, space, bootstrap=bootstrap, rng=rng)
    if not rows:
        logger.warning("No galaxy has both a known z or log_mstar and a readout: nothing to compare.")
    return pd.DataFrame(rows, columns=list(tables.METRIC_COLUMNS))


def score_space(
    readout: pd.DataFrame,
    truth: pd.Series,
    target: str,
    space: str,
    *,
    bootstrap: int,
    rng: np.random.Generator,
) -> list[tuple]:
    """Measure what one modality, or both together, tell of one property.

    Parameters
    ----------
    readout : pandas.DataFrame
        `tables.READOUT_COLUMNS`, targetid not needed.
    truth : pandas.Series
        Of the same rows, NaN where it is not known.
    target : {"z", "log_mstar"}
    space : {"image", "spectrum", "both"}
    bootstrap : int
    rng : numpy.random.Generator

    Returns
    -------
    list of tuple
        Rows of `tables.METRIC_COLUMNS`; none without galaxies.
    """
    name = f"{target}_{space}"
    columns = [name, f"{name}_low", f"{name}_high", f"confidence_{space}"]
    frame = readout[columns].astype(float).assign(truth=truth).dropna()
    if frame.empty:
        return []
    guess, low, high, confidence, true = frame.to_numpy().T
    how = {"bootstrap": bootstrap, "rng": rng}
    found = metrics.summarise(true, guess, relative=target == "z", **how)
    inside = ((true >= low) & (true <= high)).astype(float)
    found |= metrics.with_interval(_coverage, inside, **how)
    counts = dict.fromkeys(found, len(frame))
    if target == "z":
        sure = (confidence > tables.READOUT_CONFIDENT).astype(float)
        wrong = (np.abs(guess - true) / (1 + true) > metrics.REDSHIFT_OUTLIER).astype(float)
        found |= metrics.with_interval(_confident, sure, wrong, **how)
        counts |= {"confident_fraction": len(frame), "confident_outlier_fraction": int(sure.sum())}
    logger.info(
        "%s read off %s, %s galaxies: NMAD %.4f, %.1f %% in the 68 %% interval",
        *(target, space, f"{len(frame):,}", found["nmad"][0], 100 * found["coverage_68"][0]),
    )
    key = (PROTOCOL, space, space, target)
    return [(*key, metric, *values, counts[metric]) for metric, values in found.items()]


def _coverage(inside: np.ndarray) -> dict[str, np.ndarray]:
    return {"coverage_68": inside.mean(axis=1)}


def _confident(sure: np.ndarray, wrong: np.ndarray) -> dict[str, np.ndarray]:
    n = sure.sum(axis=1)
    share = np.divide((sure * wrong).sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0)
    return {"confident_fraction": sure.mean(axis=1), "confident_outlier_fraction": share}
