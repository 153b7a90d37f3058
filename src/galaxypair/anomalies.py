"""Galaxies unlike all others, by their embeddings; and how many planted artefacts the lists find.

Two lists are kept apart. *Anomalous* galaxies have embeddings far from those of the train split: rare ones,
as far as the data are sound. *Suspected artefacts* have broken pixels, see `artefacts`; they are left out
of the first list.
"""

import logging
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from galaxypair import artefacts, tables
from galaxypair.errors import DataError
from galaxypair.io import Embeddings
from galaxypair.knn import nearest
from galaxypair.metrics import NMAD_PER_MAD, with_interval
from galaxypair.mock.junk import KINDS, MISSING_BAND

logger = logging.getLogger(__name__)

DISTANCES = {  # modalities that each looks at, "" for both
    "image_distance": "image",
    "spectrum_distance": "spectrum",
    "pair_distance": "",
}
LISTS = {"artefact_score": "artefact_list", "anomaly_score": "anomaly_list"} | {  # score: its protocol
    name: f"{name}_list" for name in DISTANCES
}
LENGTHS = (0.25, 0.5, 1, 1.5, 2, 3, 5, 10)  # of lists, in units of the planted artefacts
NO_TRUTH = "no_truth"  # protocol of the row that says so
_LEAST = 1e-6  # distance whose logarithm is taken


def neighbour_distance(references: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Mean distance of each query to its k nearest references.

    Parameters
    ----------
    references : ndarray of shape (n, d)
        Unit embeddings; NaN throughout where a galaxy lacks the modality.
    queries : ndarray of shape (m, d)
        Likewise.
    k : int
        At most as many as there are references are used.

    Returns
    -------
    ndarray of shape (m,), float64
        NaN where the query has no embedding, or no reference has one.
    """
    references = references[np.isfinite(references).all(1)]
    there = np.isfinite(queries).all(1)
    distance = np.full(len(queries), np.nan)
    if there.any() and len(references):
        distance[there] = nearest(references, queries[there], min(k, len(references)))[0].mean(1)
    return distance


def unusual(values: np.ndarray) -> np.ndarray:
    """Say by how many standard deviations the logarithm of each value lies above its median.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Not negative; NaN stays NaN.

    Returns
    -------
    ndarray of shape (n,), float64
        The standard deviation is taken from the median absolute deviation; 0 throughout if that is 0.
    """
    logs = np.log(np.maximum(values, _LEAST))
    if not np.isfinite(logs).any():
        return logs
    above = logs - np.nanmedian(logs)
    spread = NMAD_PER_MAD * np.nanmedian(np.abs(above))
    return above / spread if spread > 0 else np.where(np.isfinite(logs), 0.0, np.nan)


def score(train: Embeddings, test: Embeddings, k: int) -> pd.DataFrame:
    """Score how unlike the train split each galaxy of the test split is.

    Parameters
    ----------
    train, test : Embeddings
    k : int
        Neighbours in the train split.

    Returns
    -------
    pandas.DataFrame
        targetid; `image_distance` and `spectrum_distance`: mean distance of the unit embedding to its
        neighbours; `pair_distance`: 1 - cosine of the galaxy's own image and spectrum; `anomaly_score`:
        sum of the first two, each by `unusual`, over the square root of their number; `anomaly_of`: the
        modality that adds more. NaN and "" where there is nothing to score.

    Raises
    ------
    DataError
        If a galaxy is in both splits.

    Notes
    -----
    The distance of the pair is no part of the score: on the mock survey, pairs that do not go together
    are hardly rarer by their true parameters than others, while both other distances are large for rare
    galaxies, and their sum more so than the larger of the two. An isolation forest does about as well,
    local outlier factors do not.
    """
    both = np.intersect1d(train.targetid, test.targetid)
    if len(both):
        raise DataError(
            f"{len(both)} galaxies are in the train and in the test split (first: TARGETID {both[0]}): they "
            "would be their own neighbours. Make the embeddings again from one dataset."
        )
    table = pd.DataFrame({"targetid": test.targetid})
    for modality in tables.MODALITIES:
        distance = neighbour_distance(train.unit[modality], test.unit[modality], k)
        table[f"{modality}_distance"] = distance
    table["pair_distance"] = 1 - (test.unit["image"] * test.unit["spectrum"]).sum(1, dtype=np.float64)
    parts = np.column_stack([unusual(table[f"{m}_distance"].to_numpy()) for m in tables.MODALITIES])
    known = np.isfinite(parts)
    n_known = known.sum(1)
    table["anomaly_score"] = np.where(known, parts, 0).sum(1) / np.where(n_known, np.sqrt(n_known), np.nan)
    first = np.where(known, parts, -np.inf).argmax(1)
    table["anomaly_of"] = np.where(n_known > 0, np.array(tables.MODALITIES)[first], "")
    return table


def list_both(scores: pd.DataFrame, measures: pd.DataFrame | None) -> pd.DataFrame:
    """Rank the galaxies of both lists.

    Parameters
    ----------
    scores : pandas.DataFrame
        From `score`.
    measures : pandas.DataFrame, optional
        From `artefacts.measure_all`, of the same galaxies; None: there are no pixels to check.

    Returns
    -------
    pandas.DataFrame
        `tables.ANOMALY_COLUMNS` and, with pixels, those of `artefacts`. Rank 1 is the first of a list,
        0: not in it. A suspected artefact is in no list of anomalies.

    Raises
    ------
    DataError
        If a galaxy was not checked.
    """
    table = scores.copy()
    suspected = np.zeros(len(table), bool)
    if measures is not None:
        missing = np.setdiff1d(table["targetid"], measures["targetid"])
        if len(missing):
            raise DataError(
                f"{len(missing)} of {len(table)} embedded galaxies are in no shard (first: TARGETID "
                f"{missing[0]}). Embeddings and shards come from different data: make them again: your "
                "command with `--forcerun preprocess` added."
            )
        verdicts = pd.concat([measures, artefacts.judge(measures)], axis=1)
        table = table.merge(verdicts, on="targetid", how="left", validate="one_to_one")
        suspected = table["suspected_artefact"].to_numpy(bool)
        table["artefact_rank"] = _ranks(table["artefact_score"].to_numpy())
    table["anomaly_rank"] = _ranks(np.where(suspected, np.nan, table["anomaly_score"]))
    logger.info(
        "%s galaxies: %s in the list of anomalies, %s suspected artefacts",
        f"{len(table):,}", f"{(table['anomaly_rank'] > 0).sum():,}", f"{suspected.sum():,}",
    )  # fmt: skip
    return table


def _ranks(values: np.ndarray) -> np.ndarray:
    """Rank of each value from the highest, 1, on; 0 for NaN."""
    order = np.argsort(-values, kind="stable")  # NaN last
    ranks = np.empty(len(values), np.int64)
    ranks[order] = 1 + np.arange(len(values))
    return np.where(np.isfinite(values), ranks, 0)


def shortlist(table: pd.DataFrame, n: int) -> pd.DataFrame:
    """Take the first galaxies of each list, for the figures that show them.

    Parameters
    ----------
    table : pandas.DataFrame
        From `list_both`.
    n : int
        Of each list; of the artefacts only those that are suspected.

    Returns
    -------
    pandas.DataFrame
        `role` ("anomalies" or "artefacts") and the columns of `table`, each list in its order.
    """
    found = {"anomalies": table[table["anomaly_rank"].between(1, n)].sort_values("anomaly_rank")}
    if "suspected_artefact" in table:
        suspected = table[table["suspected_artefact"] & table["artefact_rank"].between(1, n)]
        found["artefacts"] = suspected.sort_values("artefact_rank")
    parts = [part.assign(role=role) for role, part in found.items()]
    return pd.concat(parts, ignore_index=True)[["role", *table.columns]]


def measure_lists(
    table: pd.DataFrame, truth: np.ndarray | None, *, bootstrap: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure how many planted artefacts the top of each list holds, and how many galaxies are suspected.

    Parameters
    ----------
    table : pandas.DataFrame
        From `list_both`.
    truth : structured ndarray, optional
        `targetid` and `junk` of the mock survey; None: nobody knows.
    bootstrap : int
        Resamplings of the galaxies.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.METRIC_COLUMNS`. Protocol `suspected`: share of the galaxies that fail each check, and
        `any`. Protocols of `LISTS`, by the score that orders all galaxies: `recall@{x}n` and
        `precision@{x}n` of the first x n galaxies, n being the number of planted artefacts, for each
        kind of artefact, `any`, and `any_in_cutout`. Without truth: one row of protocol `no_truth`.

    Notes
    -----
    The last of a cutout's rows, of which shards keep the central part alone, may be all that a planted
    gap spoils: nothing is wrong with such a galaxy in this run. `any_in_cutout` leaves these out.
    """
    rows = list(_suspected(table, bootstrap, rng))
    if truth is None:
        rows.append((NO_TRUTH, "", "", "any", "recall@1n", np.nan, np.nan, np.nan, 0))
        return pd.DataFrame(rows, columns=tables.METRIC_COLUMNS)
    planted = planted_kinds(table, truth)
    n = int(planted["any"].sum())
    logger.info("planted artefacts: %s", ", ".join(f"{kind} {v.sum()}" for kind, v in planted.items()))
    hits = partial(_hits, kinds=list(planted), lengths={factor: round(factor * n) for factor in LENGTHS})
    for name, protocol in LISTS.items():
        if name not in table:
            continue
        ranks = _ranks(table[name].to_numpy())
        found = with_interval(hits, ranks, *planted.values(), bootstrap=bootstrap, rng=rng)
        for (kind, metric, factor), values in found.items():
            length = min(round(factor * n), int((ranks > 0).sum()))
            size = int(planted[kind].sum()) if metric == "recall" else length
            rows.append((protocol, "", DISTANCES.get(name, ""), kind, f"{metric}@{factor:g}n", *values, size))
    return pd.DataFrame(rows, columns=tables.METRIC_COLUMNS)


def planted_kinds(table: pd.DataFrame, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Tell which galaxies were spoiled when they were simulated, and how.

    Parameters
    ----------
    table : pandas.DataFrame
        targetid and, if pixels were checked, image_gap.
    truth : structured ndarray
        `targetid` and `junk`.

    Returns
    -------
    dict of str to ndarray of shape (n,), bool
        `any`, `any_in_cutout` and each kind that there is.

    Raises
    ------
    DataError
        If a galaxy is not in the truth.
    """
    junk = pd.Series(truth["junk"], index=truth["targetid"]).groupby(level=0).max()
    code = junk.reindex(table["targetid"]).to_numpy(np.float64)
    if np.isnan(code).any():
        raise DataError(
            f"survey/truth.hdf5 lacks {np.isnan(code).sum()} of {len(table)} galaxies of the test split: it "
            "belongs to another survey. Make both again: your command with `--forcerun simulate` added."
        )
    planted = {"any": code > 0}
    if "image_gap" in table:
        # the mock writes exactly 0 nowhere else
        outside = (code == MISSING_BAND) & (table["image_gap"] == 0).to_numpy()
        planted["any_in_cutout"] = planted["any"] & ~outside
    found = [number for number in range(1, len(KINDS)) if (code == number).any()]
    return planted | {KINDS[number]: code == number for number in found}


def _suspected(table: pd.DataFrame, bootstrap: int, rng: np.random.Generator) -> Iterator[tuple]:
    if "suspected_artefact" not in table:
        return
    verdicts = {"any": table["suspected_artefact"].to_numpy(bool)}
    verdicts |= {
        name: (table[name] > limit).to_numpy()[table[name].notna()]
        for name, (limit, _) in artefacts.CHECKS.items()
    }
    for name, failed in verdicts.items():
        share = with_interval(_share, failed, bootstrap=bootstrap, rng=rng)
        query = name.partition("_")[0].replace("pair", "").replace("any", "")
        yield "suspected", "", query, name, "fraction", *share["fraction"], len(failed)


def _share(failed: np.ndarray) -> dict[str, np.ndarray]:
    return {"fraction": failed.mean(1)}


def _hits(ranks: np.ndarray, *planted: np.ndarray, kinds: list[str], lengths: dict) -> dict:
    measured = {}
    for factor, length in lengths.items():
        listed = (ranks > 0) & (ranks <= length)
        for kind, is_one in zip(kinds, planted, strict=True):
            both = (is_one & listed).sum(1)
            with np.errstate(invalid="ignore", divide="ignore"):
                measured[kind, "recall", factor] = both / is_one.sum(1)
                measured[kind, "precision", factor] = both / listed.sum(1)
    return measured
