"""What people say that galaxies look like: votes found for the kept galaxies, cut and counted."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.crossmatch import count_losses
from galaxypair.errors import DataError
from galaxypair.io.votes import Question, Votes
from galaxypair.sky_match import match

logger = logging.getLogger(__name__)

ALL_QUESTIONS = "all"


@dataclass(frozen=True)
class Cuts:
    """How many must have answered before an answer counts.

    Attributes
    ----------
    min_votes, test_min_votes : int
        Votes on a question that a galaxy needs, the second one in the test split.
    min_share : float
        A question counts if more than this share of those who voted on the galaxy came to it. Who calls
        an elliptical featured is asked how tight its arms are.
    """

    min_votes: int
    test_min_votes: int
    min_share: float


def label(
    galaxies: pd.DataFrame,
    votes: Votes,
    *,
    radius_arcsec: float,
    cuts: Cuts,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the votes on each galaxy, and keep those that tell something.

    Parameters
    ----------
    galaxies : pandas.DataFrame
        targetid, split, and ra and dec [deg], NaN where unknown.
    votes : Votes
        From `io.votes.read_votes`.
    radius_arcsec : float
        Galaxy and votes closer than this, and closest to each other, are one; unused where the votes
        know TARGETIDs.
    cuts : Cuts

    Returns
    -------
    labels : pandas.DataFrame
        `tables.LABEL_COLUMNS`.
    losses : pandas.DataFrame
        `tables.LABEL_LOSSES_COLUMNS`: galaxies lost at each step, per question and split.

    Raises
    ------
    DataError
        If no galaxy keeps a label.

    Notes
    -----
    The published AstroCLIP code matches within 0.5 arcsec, takes vote fractions that are not debiased,
    trains on galaxies of which more than half of the volunteers came to the question, and tests on those
    with more than 34 votes on it (`min_share: 0.5`, `test_min_votes: 35`). It parts its galaxies by their
    order in the catalogue; here they keep the split that the model was trained with. Its accuracy counts
    two answers with equally many votes as wrong whatever is predicted; here such galaxies are left out
    (`tied`). Where the file does not count votes, cuts on their number pass everybody.

    References
    ----------
    Walmsley et al. 2022, MNRAS 509, 3966 (Galaxy Zoo DECaLS; section 4.3 on debiasing).
    """
    losses = _rows(ALL_QUESTIONS, [_catalogue_losses(votes)])
    at, steps = _find(galaxies, votes, radius_arcsec)
    split = galaxies["split"].to_numpy()
    losses += _rows(ALL_QUESTIONS, count_losses(split, steps))
    found = at >= 0
    targetid, split, rows = galaxies["targetid"].to_numpy()[found], split[found], at[found]
    most = _most_votes(votes, rows)
    parts = []
    for name, question in votes.questions.items():
        steps = _steps(question, rows, split, most, cuts)
        losses += _rows(name, count_losses(split, steps))
        kept = np.logical_and.reduce(list(steps.values()))
        parts.append(_tidy(name, question, targetid[kept], split[kept], rows[kept]))
        logger.info("%s: %s of %s galaxies with votes", name, f"{kept.sum():,}", f"{len(kept):,}")
    labels = pd.concat(parts, ignore_index=True)
    if labels.empty:
        raise DataError(
            f"None of {len(galaxies):,} galaxies has a label: {found.sum():,} are among those with votes. Do "
            "both cover the same sky (`morphology.votes`), and are `morphology.match_radius_arcsec`, "
            "`min_votes` and `min_share` not too strict?"
        )
    for column in ("split", "question", "answer"):
        labels[column] = labels[column].astype("category")
    return labels, pd.DataFrame(losses, columns=list(tables.LABEL_LOSSES_COLUMNS))


def _rows(question: str, counted: list[tuple]) -> list[tuple]:
    return [(question, *row) for row in counted]


def _catalogue_losses(votes: Votes) -> tuple:
    if votes.targetid is not None:
        n, left = len(votes.targetid), len(np.unique(votes.targetid))
        return ("duplicate_targetid", "catalogue", n, n - left, left)
    n, left = len(votes.ra), int((np.isfinite(votes.ra) & np.isfinite(votes.dec)).sum())
    return ("position_unknown", "catalogue", n, n - left, left)


def _find(
    galaxies: pd.DataFrame, votes: Votes, radius_arcsec: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Row of the votes of each galaxy, -1 if it has none, and the steps that lose galaxies."""
    if votes.targetid is not None:
        first = pd.Series(np.arange(len(votes.targetid)), index=votes.targetid)
        first = first[~first.index.duplicated()]
        at = first.reindex(galaxies["targetid"]).fillna(-1).to_numpy(np.int64)
        return at, {"not_in_votes": at >= 0}
    ra, dec = galaxies["ra"].to_numpy(float), galaxies["dec"].to_numpy(float)
    at = np.full(len(galaxies), -1)
    own, theirs = match(ra, dec, votes.ra, votes.dec, radius_arcsec)
    at[own] = theirs
    return at, {"position_unknown": np.isfinite(ra) & np.isfinite(dec), "not_in_votes": at >= 0}


def _most_votes(votes: Votes, rows: np.ndarray) -> np.ndarray:
    """Votes on the question that most were asked, which is the first one."""
    counted = [question.votes[rows] for question in votes.questions.values()]
    return np.fmax.reduce(counted) if counted else np.full(len(rows), np.nan)


def _steps(
    question: Question, rows: np.ndarray, split: np.ndarray, most: np.ndarray, cuts: Cuts
) -> dict[str, np.ndarray]:
    """Who passes which cut; comparisons are such that unknown numbers of votes pass."""
    fraction, votes = question.fraction[rows], question.votes[rows]
    asked = np.isfinite(fraction).all(axis=1) & (np.nansum(fraction, axis=1) > 0) & ~(votes <= 0)
    highest = np.where(asked[:, None], fraction, -1).max(axis=1, keepdims=True, initial=-1)
    return {
        "not_asked": asked,
        "asked_of_few": ~(votes <= cuts.min_share * most),
        "few_votes": ~(votes < cuts.min_votes),
        "few_votes_for_test": (split != "test") | ~(votes < cuts.test_min_votes),
        "tied": (fraction == highest).sum(axis=1) == 1,
    }


def _tidy(
    name: str, question: Question, targetid: np.ndarray, split: np.ndarray, rows: np.ndarray
) -> pd.DataFrame:
    fraction = np.clip(question.fraction[rows], 0, None)
    n = len(question.answers)
    values = (
        np.repeat(targetid, n),
        np.repeat(split, n),
        name,
        np.tile(question.answers, len(rows)),
        (fraction / fraction.sum(axis=1, keepdims=True)).reshape(-1),
        np.repeat(question.votes[rows], n),
    )
    return pd.DataFrame(dict(zip(tables.LABEL_COLUMNS, values, strict=True)))
