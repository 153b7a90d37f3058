"""Votes of people, or classes, on galaxies: Galaxy Zoo's CSV, Galaxy10's HDF5, and tables of one's own."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.files import open_hdf5
from galaxypair.io.frames import readable

logger = logging.getLogger(__name__)

KINDS = ("debiased", "fraction")  # ends of the columns of vote fractions
CLASS = "class"  # the column that is read if a table has no votes and no question is asked for
MOST_CLASSES = 40  # more different values are hardly classes
GALAXY10_DATASETS = ("ans", "ra", "dec")
_CHUNK_ROWS = 50_000
_OUTSIDE = 1e-3  # rounding that vote fractions are allowed below 0 and above 1


@dataclass(frozen=True)
class Question:
    """What was answered to one question.

    Attributes
    ----------
    answers : tuple of str
    fraction : ndarray of shape (n, n_answers), float32
        Share of the votes; NaN throughout where nobody was asked.
    votes : ndarray of shape (n,), float32
        Votes on the question; NaN where the file does not say.
    """

    answers: tuple[str, ...]
    fraction: np.ndarray
    votes: np.ndarray


@dataclass(frozen=True)
class Votes:
    """A file of votes.

    Attributes
    ----------
    targetid : ndarray of shape (n,), int64, or None
        None: the file knows its galaxies by their places.
    ra, dec : ndarray of shape (n,), float64 [deg]
        NaN where there is no position on the sky.
    questions : dict of str to Question
    """

    targetid: np.ndarray | None
    ra: np.ndarray
    dec: np.ndarray
    questions: dict[str, Question]


def read_votes(path: Path, *, kind: str, questions: Sequence[str] | None = None) -> Votes:
    """Read votes on galaxies.

    Parameters
    ----------
    path : Path
        HDF5 is Galaxy10; anything else a CSV table with columns `targetid`, or `ra` and
        `dec` [deg], and `{question}_{answer}_fraction` (or `_debiased`) with `{question}_total-votes`,
        as Galaxy Zoo's, or a column with the name of the class.
    kind : {"debiased", "fraction"}
        Columns of vote fractions that are taken where a question has them.
    questions : sequence of str, optional
        None: all that the table has votes on or, if there are none, the column `class`.

    Returns
    -------
    Votes

    Raises
    ------
    DataError
        If the file cannot be read, says neither who its galaxies are nor what they look like, or holds
        anything but numbers where numbers belong.
    """
    if h5py.is_hdf5(path):
        return _read_galaxy10(path, questions)
    with readable(path):
        header = list(pd.read_csv(path, nrows=0).columns)
    place = _place_columns(path, header)
    columns = _question_columns(path, header, kind, questions)
    frame = _read_columns(path, [*place.values(), *(c for part in columns.values() for c in part.values())])
    found = {name: _question(path, frame, name, part) for name, part in columns.items()}
    if "targetid" in place:
        targetid = _whole_numbers(path, frame[place["targetid"]])
        nowhere = np.full(len(frame), np.nan)
        return Votes(targetid, nowhere, nowhere, found)
    return Votes(None, *_on_sky(frame[place["ra"]], frame[place["dec"]]), found)


def check_votes(path: Path) -> None:
    """Check that a file holds votes or classes, by its header alone.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        If it does not.
    """
    if h5py.is_hdf5(path):
        _galaxy10_length(path)
        return
    with readable(path):
        header = list(pd.read_csv(path, nrows=0).columns)
    _place_columns(path, header)
    _question_columns(path, header, KINDS[0], None)


def _place_columns(path: Path, header: list[str]) -> dict[str, str]:
    """Columns that tell the galaxies apart: our name to the file's."""
    known = {name.lower(): name for name in reversed(header)}
    if "targetid" in known:
        return {"targetid": known["targetid"]}
    if "ra" in known and "dec" in known:
        return {"ra": known["ra"], "dec": known["dec"]}
    raise DataError(
        f"`{path}`: neither a column `targetid` nor `ra` and `dec` (found {_some(header)}), so its galaxies "
        "cannot be found in the survey. Add one or the other."
    )


def _question_columns(
    path: Path, header: list[str], kind: str, wanted: Sequence[str] | None
) -> dict[str, dict[str, str]]:
    """Columns of each question: answer to column; `` for a class, `total-votes` for the number of votes."""
    voted = _voted(header, kind)
    if wanted is None:
        if voted:
            return voted
        wanted = [CLASS]
    missing = [name for name in wanted if name not in voted and name not in header]
    if missing:
        raise DataError(
            f"`{path}`: no votes `{missing[0]}_..._fraction` and no column `{missing[0]}` (found "
            f"{_some(header)}). Name the columns of your classes in `morphology.questions`."
        )
    return {name: voted.get(name, {"": name}) for name in wanted}


def _voted(header: list[str], kind: str) -> dict[str, dict[str, str]]:
    fractions: dict[str, dict[str, dict[str, str]]] = {}
    for column in header:
        question, _, rest = column.partition("_")
        answer, _, end = rest.rpartition("_")
        if end in KINDS and answer:
            fractions.setdefault(question, {}).setdefault(end, {})[answer] = column
    order = [*(q for q in tables.GALAXY_ZOO if q in fractions), *fractions]
    found = {}
    for question in dict.fromkeys(order):
        kinds = fractions[question]
        most = max(len(part) for part in kinds.values())
        if most == 1:  # a fraction of something else
            continue
        chosen = kind if len(kinds.get(kind, {})) == most else next(k for k in kinds if len(kinds[k]) == most)
        if chosen != kind:
            logger.info("%s: no votes of the kind `%s`; those of `%s` are taken.", question, kind, chosen)
        found[question] = kinds[chosen]
        if f"{question}_total-votes" in header:
            found[question] = {**found[question], "total-votes": f"{question}_total-votes"}
    return found


def _read_columns(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read chunk by chunk, all as text but what is surely a number."""
    numbers = {c: np.float32 for c in columns if c.endswith((*KINDS, "_total-votes"))}
    numbers |= {c: np.float64 for c in columns if c.lower() in ("ra", "dec")}
    types = {c: numbers.get(c, str) for c in columns}
    with readable(path):
        try:
            chunks = pd.read_csv(path, usecols=columns, dtype=types, chunksize=_CHUNK_ROWS)
            return pd.concat(chunks, ignore_index=True)
        except ValueError as err:
            raise DataError(
                f"`{path}`: a column of numbers ({_some(sorted(numbers))}) holds something else ({err}). "
                "Correct the table; leave empty what is unknown."
            ) from err


def _question(path: Path, frame: pd.DataFrame, name: str, columns: dict[str, str]) -> Question:
    if "" in columns:
        return _classes(path, frame[columns[""]], name)
    answers = tuple(answer for answer in columns if answer != "total-votes")
    fraction = frame[[columns[a] for a in answers]].to_numpy(np.float32)
    if (fraction < -_OUTSIDE).any() or (fraction > 1 + _OUTSIDE).any():
        raise DataError(
            f"`{path}`: the vote fractions of `{name}` lie outside 0 to 1 (found {np.nanmin(fraction):g} to "
            f"{np.nanmax(fraction):g}). Divide the votes of each answer by those of the question."
        )
    known = "total-votes" in columns
    votes = frame[columns["total-votes"]].to_numpy(np.float32) if known else np.full(len(frame), np.nan, "f4")
    return Question(answers, fraction, votes)


def _classes(path: Path, values: pd.Series, name: str) -> Question:
    """One answer, of which all are sure; none where the table is empty."""
    answers = tuple(sorted(values.dropna().unique()))
    if len(answers) > MOST_CLASSES:
        raise DataError(
            f"`{path}`: column `{name}` holds {len(answers):,} different values, more than the "
            f"{MOST_CLASSES} that can be classes. Name another column in `morphology.questions`."
        )
    return _sure(answers, pd.Categorical(values, categories=answers).codes)


def _sure(answers: tuple[str, ...], code: np.ndarray) -> Question:
    fraction = (code[:, None] == np.arange(len(answers))).astype(np.float32)
    fraction[code < 0] = np.nan
    return Question(answers, fraction, np.full(len(code), np.nan, np.float32))


def _whole_numbers(path: Path, text: pd.Series) -> np.ndarray:
    good = text.fillna("nan").str.fullmatch(r"-?\d{1,18}")
    if not good.all():
        raise DataError(
            f"`{path}`: targetid `{text[~good].iloc[0]}` in row {int((~good).idxmax()) + 2} is no whole "
            "number. Correct it, or remove the row."
        )
    return text.astype(np.int64).to_numpy()


def _on_sky(ra: pd.Series, dec: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    place = (ra.between(-180, 360) & dec.between(-90, 90)).to_numpy()
    return np.where(place, ra, np.nan), np.where(place, dec, np.nan)


def _galaxy10_length(path: Path) -> int:
    with open_hdf5(path) as file:
        missing = [name for name in GALAXY10_DATASETS if name not in file]
        if missing:
            raise DataError(
                f"`{path}`: no dataset `{missing[0]}` (found {', '.join(file) or 'nothing'}). Not "
                "Galaxy10_DECals.h5: check `download.files.galaxy10` or `morphology.votes`."
            )
        lengths = {name: len(file[name]) for name in GALAXY10_DATASETS}
    if len(set(lengths.values())) > 1:
        raise DataError(
            f"`{path}`: its datasets differ in length ({lengths}). It is incomplete or damaged: fetch it "
            "again."
        )
    return lengths["ans"]


def _read_galaxy10(path: Path, questions: Sequence[str] | None) -> Votes:
    """Read classes and places; the pictures, nearly all of the file, stay on disk."""
    _galaxy10_length(path)
    if questions not in (None, ["galaxy10"]):
        raise DataError(
            f"`{path}`: Galaxy10 has one question, `galaxy10`, but `morphology.questions` names "
            f"{', '.join(questions)}. Set it to null."
        )
    with open_hdf5(path) as file:
        answer, ra, dec = (file[name][...] for name in GALAXY10_DATASETS)
    if len(answer) and not (answer.dtype.kind in "iu" and 0 <= answer.min() and answer.max() < 10):
        raise DataError(f"`{path}`: `ans` is no number from 0 to 9. Not Galaxy10: check `morphology.votes`.")
    place = _on_sky(pd.Series(ra, dtype=np.float64), pd.Series(dec, dtype=np.float64))
    return Votes(None, *place, {"galaxy10": _sure(tables.GALAXY10, answer.astype(np.int64))})


def _some(names: list[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
