"""Published values of AstroCLIP and of its reproductions, beside those of a run.

Only a run on the published survey is compared: of other galaxies the same score means something else.
"""

import logging
from importlib.resources import files

import numpy as np
import pandas as pd

from galaxypair import tables

logger = logging.getLogger(__name__)

KEY = ["protocol", "reference", "query", "target", "metric"]
PROPERTIES = ("log_mstar", "log_z_mw", "tage_mw", "log_ssfr")  # of which a README gives the mean
MEANS = {"properties": ("r2", PROPERTIES), "morphology": ("accuracy", None)}  # None: all questions


def published_values() -> pd.DataFrame:
    """Read the published values.

    Returns
    -------
    pandas.DataFrame
        `tables.PUBLISHED_COLUMNS`; a row holds the value of the authors of a method, or one reproduced
        by others, or both. `protocol` is one of the workflow's, or says that it is not stated; `model` is
        empty for supervised networks.

    Notes
    -----
    Values of the first version are those that the reproduction's report quotes. Values of different
    protocols are never in one row: k, scaling and splits differ between the versions of AstroCLIP.
    """
    path = files("galaxypair") / "published" / "values.csv"
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, na_values={"published": "", "reproduced": ""})


def score_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Bring a table of scores into the common layout.

    Parameters
    ----------
    table : pandas.DataFrame
        `tables.METRIC_COLUMNS` or `tables.FEW_SHOT_COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        `tables.METRIC_COLUMNS`. Of few-shot regression: with all labels that there are, as published;
        value and limits are means over the draws.
    """
    if "n_labels" not in table:
        return table[list(tables.METRIC_COLUMNS)]
    key = ["protocol", "space", "target", "metric"]
    most = table["n_labels"] == table.groupby(key)["n_labels"].transform("max")
    means = table[most].groupby(key, as_index=False, sort=False)[["value", "low", "high", "n"]].mean()
    return means.assign(reference=means["space"], query=means["space"])[list(tables.METRIC_COLUMNS)]


def compare(values: pd.DataFrame, scores: list[pd.DataFrame], why_not: str) -> pd.DataFrame:
    """Put a run's scores beside the published ones.

    Parameters
    ----------
    values : pandas.DataFrame
        From `published_values`.
    scores : list of pandas.DataFrame
        The run's, from `score_rows`; not used if it does not compare.
    why_not : str
        Why it does not (`published.survey.refusal`); empty if it does.

    Returns
    -------
    pandas.DataFrame
        `tables.COMPARE_COLUMNS`, one row per published value. Where `ours` is empty, `reason` says why.

    Notes
    -----
    Ours is looked up under the same protocol, modalities, target and metric, and for AstroCLIP and the
    supervised networks alone. A mean over properties or questions has no interval: those of its terms
    are of the same galaxies, and do not add up.
    """
    table = values.copy()
    table[["ours", "low", "high", "n"]] = np.nan
    table["reason"] = why_not
    if why_not:
        return table[list(tables.COMPARE_COLUMNS)]
    scores = pd.concat(scores, ignore_index=True)
    known = pd.concat([scores, *_means(scores)], ignore_index=True).drop_duplicates(KEY).set_index(KEY)
    for row in table.index:
        key = tuple(table.loc[row, KEY])
        if table.at[row, "model"] not in ("AstroCLIP", ""):
            table.at[row, "reason"] = "a model that this run does not hold"
        elif key in known.index:
            found = known.loc[key]
            table.loc[row, ["ours", "low", "high", "n"]] = found[["value", "low", "high", "n"]].to_numpy(
                float
            )
        else:
            table.at[row, "reason"] = _absent(key[0], set(scores["protocol"]))
    filled = table["ours"].notna().sum()
    logger.info("%d of %d published values have one of this run beside them.", filled, len(table))
    return table[list(tables.COMPARE_COLUMNS)]


def _absent(protocol: str, computed: set[str]) -> str:
    if protocol in ("not stated", "supervised"):
        return "no protocol to follow"
    if protocol in computed:
        return "no such modality or property in this run"
    return "not computed: see the key compare.tables"


def _means(scores: pd.DataFrame) -> list[pd.DataFrame]:
    """Means over properties, or over the questions of Galaxy Zoo, under each protocol that has them all."""
    out = []
    for name, (metric, targets) in MEANS.items():
        own = scores[scores["metric"] == metric]
        own = own[own["target"].isin(targets)] if targets else own[own["protocol"] == "morphology_mlp"]
        groups = own.groupby(["protocol", "reference", "query"], as_index=False)
        mean = groups.agg(value=("value", "mean"), n=("n", "min"), terms=("value", "size"))
        if targets:
            mean = mean[mean["terms"] == len(targets)]
        mean = mean.drop(columns="terms").assign(target=name, metric=metric, low=np.nan, high=np.nan)
        if len(mean):
            out.append(mean)
    return out
