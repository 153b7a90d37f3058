"""Predict redshifts and masses of the user's galaxies: read off the encoders, or from neighbours in a run."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from galaxypair import io, knn, metrics, readout_scores, tables
from galaxypair.errors import ConfigError, DataError

logger = logging.getLogger(__name__)

PROTOCOL = "own_galaxies"
TARGETS = ("z", "log_mstar")
PERCENTILES = (0.16, 0.5, 0.84)
ABSENT = tuple(f"left out: {modality}_absent" for modality in tables.MODALITIES)  # notes of `preprocess`
BEST_FIRST = ("both", "spectrum", "image")  # of what is read off a galaxy, to judge by
UNLIKE = "unlike a galaxy below z = 0.85 (probability {:.2f})"
UNCERTAIN = "redshift uncertain"
SAME_OBJECT_ARCSEC = 1.0  # a reference this close to a query is the query itself


def load_references(run: Path) -> tuple[io.Embeddings, pd.DataFrame]:
    """Read the embeddings and labels of a run's train split.

    Parameters
    ----------
    run : Path
        `results/{run}` of the reference run.

    Returns
    -------
    embeddings : Embeddings
    properties : pandas.DataFrame

    Raises
    ------
    DataError
        If the run has not been made.
    """
    paths = run / "embeddings" / "train.parquet", run / "crossmatch" / "properties.parquet"
    for path in paths:
        if not path.exists():
            how = (
                "`make demo`"
                if run.name == "demo"
                else f"`snakemake --cores all {' '.join(map(str, paths))}` with the config of that run"
            )
            raise DataError(
                f"`{path}`: missing. Predictions compare your galaxies with those of the run `{run.name}` "
                f"(key `model.from_run`). Make it first: {how}."
            )
    return io.read_embeddings(paths[0]), io.read_table(paths[1])


def estimate(references: np.ndarray, labels: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Weighted percentiles of the labels of each query's k nearest references.

    Parameters
    ----------
    references : ndarray of shape (n, d)
        Unit embeddings.
    labels : ndarray of shape (n,)
        Finite.
    queries : ndarray of shape (m, d)
        Unit embeddings.
    k : int
        Neighbours, at most n.

    Returns
    -------
    ndarray of shape (m, 3), float64
        16th, 50th and 84th percentile. A neighbour's weight is its inverse distance.

    Notes
    -----
    The prediction is the median, not the mean of AstroCLIP's zero-shot protocol: a single wrong
    neighbour does not move it. Euclidean distance between unit vectors ranks like the cosine.
    The percentiles are the spread of the neighbours, no calibrated error.
    """
    distance, index = knn.nearest(references, queries, k)
    order = np.argsort(labels[index], axis=1, kind="stable")
    values = np.take_along_axis(labels[index], order, axis=1)  # (m, k)
    # a twin at distance 0 weighs as much as 1e6 neighbours at distance 1
    weight = np.take_along_axis(1 / np.maximum(distance, 1e-6), order, axis=1)
    cumulative = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
    chosen = np.stack([(cumulative < p).sum(axis=1) for p in PERCENTILES], axis=1)
    return np.take_along_axis(values, np.minimum(chosen, k - 1), axis=1)


def predict(
    catalogue: pd.DataFrame,
    ledger: pd.DataFrame,
    queries: io.Embeddings,
    references: io.Embeddings | None,
    properties: pd.DataFrame | None,
    *,
    k: int,
    readout: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Predict z and, as far as it is known, log_mstar, from each modality.

    Parameters
    ----------
    catalogue : pandas.DataFrame
        From `ingest`: one row per galaxy of the user's.
    ledger : pandas.DataFrame
        From `preprocess`.
    queries : Embeddings
        The user's galaxies.
    references : Embeddings or None
        Train split of the reference run; None if there is none.
    properties : pandas.DataFrame or None
        Its labels.
    k : int
        Neighbours.
    readout : pandas.DataFrame, optional
        What the encoders read off the user's galaxies, `tables.READOUT_COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        One row per row of the catalogue, in its order: id, targetid, and for each target
        `{target}_true`, `{target}_{modality}`, `{target}_{modality}_low` and `_high` (16th and
        84th percentile of the neighbours); reason and detail say why a galaxy has no prediction;
        image_approximate and notes come from the catalogue. With a readout these columns, and its others, are
        the readout's, the neighbours' are called `{target}_{modality}_neighbours...`, and `warning` says
        what not to trust.

    Raises
    ------
    DataError
        If references and queries come from different models.
    ConfigError
        If there are fewer than `k` references.
    """
    is_query = _is_query(catalogue, ledger, queries)
    found = []
    if readout is not None:
        found.append(readout.set_index("targetid").astype(float))
    if references is not None:
        kind = "" if readout is None else "_neighbours"
        found.append(_by_neighbours(catalogue[is_query], queries, references, properties, kind=kind, k=k))
    values = pd.concat([v.reindex(catalogue["targetid"]).set_axis(catalogue.index) for v in found], axis=1)
    values[~is_query] = np.nan  # a twin that was dropped has the same targetid
    frame = catalogue[["id", "targetid"]].copy()
    for target in TARGETS:
        names = [name for name in values if name.startswith("log_mstar") == (target == "log_mstar")]
        if names:
            truth = catalogue.get(target)
            frame[f"{target}_true"] = np.nan if truth is None else pd.to_numeric(truth, errors="coerce")
            frame[names] = values[names]
    if readout is not None:
        frame["warning"] = _warnings(values)
    return frame.assign(**_reasons(catalogue, ledger, is_query))


def _by_neighbours(
    asking: pd.DataFrame,
    queries: io.Embeddings,
    references: io.Embeddings,
    properties: pd.DataFrame,
    *,
    kind: str,
    k: int,
) -> pd.DataFrame:
    """Predictions of all queries by their neighbours, by targetid; a column's name ends with `kind`."""
    labels = properties.drop_duplicates("targetid").set_index("targetid").reindex(references.targetid)
    usable = ~_same_objects(references.targetid, labels, asking)
    columns = {}
    for target in (t for t in TARGETS if t in labels and np.isfinite(labels[t]).any()):
        for modality in tables.MODALITIES:
            low, middle, high = _predict_one(
                references, labels[target], queries, modality, usable=usable, k=k
            ).T
            name = f"{target}_{modality}{kind}"
            columns |= {name: middle, f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(columns, queries.targetid)


def _warnings(values: pd.DataFrame) -> pd.Series:
    """Say of each galaxy what not to trust, judged by both modalities where it has both."""
    other, confidence = (
        values[[f"{name}_{space}" for space in BEST_FIRST]].bfill(axis=1).iloc[:, 0]
        for name in ("other", "confidence")
    )
    text = pd.Series("", values.index, dtype=object)
    text[confidence < tables.READOUT_CONFIDENT] = UNCERTAIN
    unlike = other > 0.5
    text[unlike] = other[unlike].map(UNLIKE.format)
    return text


def score(predictions: pd.DataFrame, *, bootstrap: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure the predictions of galaxies whose true value is known.

    Parameters
    ----------
    predictions : pandas.DataFrame
        From `predict`.
    bootstrap : int
        Resamplings for the 68 % interval.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        Columns `tables.METRIC_COLUMNS`; no rows where nothing can be compared.
    """
    how = {"bootstrap": bootstrap, "rng": rng}
    read = "confidence_image" in predictions
    rows = []
    for target in (t for t in TARGETS if f"{t}_true" in predictions):
        if read:
            truth = predictions[f"{target}_true"].astype(float)
            for space in tables.SPACES:
                rows += readout_scores.score_space(predictions, truth, target, space, **how)
        for modality in tables.MODALITIES:
            name = f"{target}_{modality}{'_neighbours' if read else ''}"
            if name in predictions:
                rows += _score_neighbours(predictions, target, modality, name, **how)
    if not rows:
        logger.info("No galaxy has both a known z or log_mstar and a prediction: nothing to compare.")
    return pd.DataFrame(rows, columns=list(tables.METRIC_COLUMNS))


def _score_neighbours(
    predictions: pd.DataFrame,
    target: str,
    modality: str,
    name: str,
    *,
    bootstrap: int,
    rng: np.random.Generator,
) -> list[tuple]:
    both = predictions[[f"{target}_true", name]].astype(float).dropna()
    if both.empty:
        return []
    truth, guess = both.to_numpy().T
    measured = metrics.summarise(truth, guess, relative=target == "z", bootstrap=bootstrap, rng=rng)
    logger.info(
        "%s from the %s of %d galaxies: R2 %.3f (%.3f ... %.3f), NMAD %.4f, bias %+.4f, outliers %.0f %%",
        target,
        modality,
        len(both),
        *measured["r2"],
        measured["nmad"][0],
        measured["bias"][0],
        100 * measured["outlier_fraction"][0],
    )
    return [
        (PROTOCOL, modality, modality, target, metric, *interval, len(both))
        for metric, interval in measured.items()
    ]


def _predict_one(
    references: io.Embeddings,
    labels: pd.Series,
    queries: io.Embeddings,
    modality: str,
    *,
    usable: np.ndarray,
    k: int,
) -> np.ndarray:
    """Percentiles for every query, NaN where it lacks the modality."""
    known, asked = references.unit[modality], queries.unit[modality]
    if known.shape[1] != asked.shape[1]:
        raise DataError(
            f"Your galaxies have {modality} embeddings of length {asked.shape[1]}, the references of "
            f"{known.shape[1]}: they come from different models. Make both again with one model: "
            "your command with `--forcerun embed` added."
        )
    values = labels.to_numpy(float)
    rows = usable & np.isfinite(known).all(axis=1) & np.isfinite(values)
    if rows.sum() < k:
        raise ConfigError(
            f"`predict.k` is {k}, but only {rows.sum()} galaxies of the reference run have {labels.name} and "
            f"the {modality}. Choose a smaller k or a larger reference run."
        )
    out = np.full((len(asked), 3), np.nan)
    present = np.isfinite(asked).all(axis=1)
    if present.any():
        out[present] = estimate(known[rows], values[rows], asked[present], k)
    return out


def _is_query(catalogue: pd.DataFrame, ledger: pd.DataFrame, queries: io.Embeddings) -> pd.Series:
    kept = ledger.loc[ledger["kept"], "targetid"]
    return catalogue["kept"] & catalogue["targetid"].isin(kept) & catalogue["targetid"].isin(queries.targetid)


def _same_objects(targetid: np.ndarray, labels: pd.DataFrame, queries: pd.DataFrame) -> np.ndarray:
    """Find references that are a query themselves: by TARGETID, or by position where it is known."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    same = np.isin(targetid, queries["targetid"].to_numpy(np.int64))
    if {"ra", "dec"} <= set(labels.columns) and len(queries):
        placed = np.isfinite(labels["ra"]) & np.isfinite(labels["dec"])
        if placed.any():
            sky = SkyCoord(labels["ra"][placed].to_numpy() * u.deg, labels["dec"][placed].to_numpy() * u.deg)
            asked = SkyCoord(queries["ra"].to_numpy() * u.deg, queries["dec"].to_numpy() * u.deg)
            same[placed.to_numpy()] |= sky.match_to_catalog_sky(asked)[1] < SAME_OBJECT_ARCSEC * u.arcsec
    if same.any():
        logger.info("%d references are galaxies of yours and do not count", same.sum())
    return same


def _reasons(catalogue: pd.DataFrame, ledger: pd.DataFrame, is_query: pd.Series) -> dict[str, pd.Series]:
    """Why a galaxy has no prediction: the verdict of `ingest`, else of `preprocess`, else its split."""
    # galaxies that ingest dropped may stand in the ledger too; a duplicate would hit its twin's row
    own = ledger[ledger["group"] != ""].drop_duplicates("targetid").set_index("targetid")
    own = own.reindex(catalogue["targetid"]).set_axis(catalogue.index)
    reason, detail = catalogue["reason"].copy(), catalogue["detail"].copy()
    dropped = catalogue["kept"] & own["reason"].notna() & (own["reason"] != "")
    reason[dropped] = own["reason"][dropped]
    # that a galaxy has no image or no spectrum, its user knows
    text = own["detail"].fillna("").where(~own["detail"].isin(ABSENT), "")
    detail = (detail + "; " + text).str.strip("; ")
    other = catalogue["kept"] & ~dropped & ~is_query
    reason[other] = "not_in_test_split"
    detail[other] = "only the test split is predicted: set split.train_fraction to 0."
    return {
        "reason": reason,
        "detail": detail,
        "image_approximate": catalogue["image_approximate"],
        "notes": catalogue["notes"],
    }
