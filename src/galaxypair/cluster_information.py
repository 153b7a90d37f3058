"""What clusters know of properties that nobody showed them: adjusted mutual information.

The mutual information of clusters and a property in bins, less what chance gives, over the mean of
their entropies: 1 if either tells the other, 0 if they have nothing to do with each other.
"""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from galaxypair import metrics, tables
from galaxypair.errors import ConfigError
from galaxypair.properties import target_values

logger = logging.getLogger(__name__)

PROPERTIES = (*tables.TARGETS, "g_r")  # unless the config names others


def property_table(properties: pd.DataFrame, wanted: Sequence[str] | None) -> pd.DataFrame:
    """Collect the properties of the test galaxies that clusters are compared by.

    Parameters
    ----------
    properties : pandas.DataFrame
        `crossmatch/properties.parquet`.
    wanted : sequence of str or None
        Names that `properties.target_values` takes. None: those of `PROPERTIES` that some galaxy has.

    Returns
    -------
    pandas.DataFrame
        targetid and one column per property, NaN where unknown.

    Raises
    ------
    ConfigError
        If no galaxy has a property that is wanted.
    """
    test = properties[properties["split"] == "test"]
    values = {name: target_values(test, name) for name in wanted or PROPERTIES}
    known = [name for name, column in values.items() if np.isfinite(column).any()]
    for name in wanted or ():
        if name not in known:
            raise ConfigError(
                f"`cluster.properties` names `{name}`, of which no test galaxy has a value in "
                f"crossmatch/properties.parquet. Its columns: {', '.join(properties.columns)}; `log_` "
                "before a name takes the logarithm."
            )
    return pd.DataFrame({"targetid": test["targetid"].to_numpy()} | {name: values[name] for name in known})


def quantile_bins(values: np.ndarray, bins: int) -> np.ndarray:
    """Sort values into equally filled bins.

    Parameters
    ----------
    values : ndarray of shape (n,), float
        Finite.
    bins : int
        At most so many: equal values stay together, and of fewer distinct ones each is a bin.

    Returns
    -------
    ndarray of shape (n,), int64
        0 ... n_bins - 1, all of them in use.
    """
    distinct, code = np.unique(values, return_inverse=True)
    if len(distinct) > bins:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
        code = np.searchsorted(edges, values, side="right")
    return np.unique(code, return_inverse=True)[1].astype(np.int64)


def counts(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Count how often two labellings meet.

    Parameters
    ----------
    one, two : ndarray of shape (n,), int64
        From 0.

    Returns
    -------
    ndarray of shape (a, b), int64
        Without empty rows and columns.
    """
    width = two.max() + 1
    table = np.bincount(one * width + two, minlength=(one.max() + 1) * width).reshape(-1, width)
    return table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]


def mutual_information(table: np.ndarray) -> tuple[float, float]:
    """Mutual information of two labellings, and the mean of their entropies.

    Parameters
    ----------
    table : ndarray of shape (a, b), int64
        From `counts`.

    Returns
    -------
    information, entropy : float [nat]
    """
    share = table / table.sum()
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    used = share > 0
    information = np.sum(share[used] * np.log(share[used] / np.outer(rows, columns)[used]))
    entropy = -(rows @ np.log(rows) + columns @ np.log(columns)) / 2
    return float(information), float(entropy)


def adjusted(table: np.ndarray, information: float, entropy: float, chance: float) -> float:
    """Adjust a mutual information for chance.

    Parameters
    ----------
    table : ndarray of shape (a, b)
    information, entropy : float [nat]
        From `mutual_information`.
    chance : float [nat]
        Expected information of these labellings, one of them shuffled.

    Returns
    -------
    float
        As `sklearn.metrics.adjusted_mutual_info_score` with the arithmetic mean; 0 if either
        labelling has a single label, and so tells nothing.
    """
    return (information - chance) / (entropy - chance) if min(table.shape) > 1 else 0.0


def resample(
    one: np.ndarray, two: np.ndarray, resamplings: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Adjust the mutual information of random halves, and of one labelling with the other one shuffled.

    Parameters
    ----------
    one, two : ndarray of shape (n,), int64
        From 0.
    resamplings : int
    rng : numpy.random.Generator

    Returns
    -------
    halves, shuffled : ndarray of shape (resamplings,)
    """
    from sklearn.metrics.cluster import expected_mutual_information

    whole = counts(one, two)
    expected = expected_mutual_information(whole, len(one))
    halves, shuffled = np.zeros(resamplings), np.zeros(resamplings)
    for i in range(resamplings):
        order = rng.permutation(len(one))
        shuffled[i] = adjusted(whole, *mutual_information(counts(one, two[order])), expected)
        half = order[: max(len(one) // 2, 1)]
        part = counts(one[half], two[half])
        chance = expected_mutual_information(part, len(half))
        halves[i] = adjusted(part, *mutual_information(part), chance)
    return halves, shuffled


def information(
    clusters: Mapping[tuple[str, str], pd.DataFrame],
    values: pd.DataFrame,
    *,
    bins: int,
    resamplings: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Measure what clusters and properties know of each other.

    Parameters
    ----------
    clusters : mapping of (method, space) to pandas.DataFrame
        targetid, cluster (-1 = noise).
    values : pandas.DataFrame
        From `property_table`.
    bins : int
        Of each property.
    resamplings : int
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.METRIC_COLUMNS`: `ami` with its 68 % interval, `shuffled_ami`, see `tables`.

    Notes
    -----
    Noise counts as one more cluster, so that a method cannot gain by leaving the difficult galaxies
    out, and all methods are measured on the same ones.

    The interval is that of random halves, whose scatter about the whole is that of the whole about
    the truth (Shao & Wu 1989). The usual bootstrap draws galaxies twice, which then inform each other:
    it lies too high. What halves lack of the information of the whole, in small samples, is given back.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    rows = []
    for (method, space), own in clusters.items():
        joined = own.merge(values, on="targetid", how="left")
        for name in values.columns.drop("targetid"):
            known = joined[np.isfinite(joined[name])]
            binned = quantile_bins(known[name].to_numpy(), bins)
            if len(known) == 0 or binned.max() == 0:
                logger.warning("%s, %s space: fewer than two bins of %s; left out.", method, space, name)
                continue
            labels = np.unique(known["cluster"], return_inverse=True)[1]
            value = adjusted_mutual_info_score(labels, binned)
            halves, shuffled = resample(labels, binned, resamplings, rng)
            key = (method, space, space, name)
            interval = value + np.percentile(halves - halves.mean(), metrics.INTERVAL)
            rows.append((*key, "ami", value, *interval, len(known)))
            low, high = np.percentile(shuffled, metrics.INTERVAL)
            rows.append((*key, "shuffled_ami", shuffled.mean(), low, high, len(known)))
            logger.info(
                "%s, %s space: AMI with %s = %.3f (%.3f ... %.3f)", method, space, name, *rows[-2][5:8]
            )
    return pd.DataFrame(rows, columns=list(tables.METRIC_COLUMNS))
