"""Votes found for galaxies, cut, and counted."""

import numpy as np
import pandas as pd
import pytest
from realdata import REALDATA

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.votes import Question, Votes, read_votes
from galaxypair.morphology import Cuts, label

ARCSEC = 1 / 3600
ALL = Cuts(min_votes=1, test_min_votes=1, min_share=0)
PANOPTES = REALDATA / "mwalmsley_galaxy-zoo-bayesian-cnn/zoobot/tests/test_examples/panoptes.csv"


def galaxies(n=6, split=("train", "train", "val", "test", "test", "test")):
    return pd.DataFrame(
        {"targetid": 100 + np.arange(n), "split": split, "ra": 150.0 + np.arange(n), "dec": 2.0}
    )


def votes(counts, *, first=None, targetid=None, ra=None, dec=None):
    """Votes on `bar` (yes, no), and how many voted on the first question, `shown`."""
    counts = np.asarray(counts, np.float32)
    total = counts.sum(axis=1)
    with np.errstate(invalid="ignore"):
        bar = Question(("yes", "no"), counts / total[:, None], total)
    first = total if first is None else np.asarray(first, np.float32)
    shown = Question(("a", "b"), np.tile(np.float32([1, 0]), (len(counts), 1)), first)
    nowhere = np.full(len(counts), np.nan)
    place = (nowhere, nowhere) if ra is None else (np.asarray(ra, float), np.asarray(dec, float))
    return Votes(targetid, *place, {"shown": shown, "bar": bar})


def run(given, cuts=ALL, chosen=None):
    chosen = galaxies() if chosen is None else chosen
    labels, losses = label(chosen, given, radius_arcsec=0.5, cuts=cuts)
    return labels[labels["question"] == "bar"], losses


def lost(losses, question="bar", split="all"):
    rows = losses[(losses["question"] == question) & (losses["split"] == split)]
    return rows.set_index("step")["n_lost"].to_dict()


def test_votes_are_found_by_targetid():
    labels, losses = run(votes([(3, 1), (1, 3), (4, 0)], targetid=np.array([103, 100, 7])))
    assert list(labels.columns) == list(tables.LABEL_COLUMNS)
    found = labels.pivot(index="targetid", columns="answer", values="fraction")
    np.testing.assert_array_equal(found.loc[100, ["yes", "no"]], [0.25, 0.75])
    np.testing.assert_array_equal(found.loc[103, ["yes", "no"]], [0.75, 0.25])
    assert set(labels["targetid"]) == {100, 103}
    assert lost(losses, "all")["not_in_votes"] == 4


def test_first_of_two_rows_with_one_targetid_counts():
    labels, losses = run(votes([(3, 1), (1, 3)], targetid=np.array([100, 100])))
    np.testing.assert_array_equal(labels["fraction"], [0.75, 0.25])
    assert lost(losses, "all", "catalogue") == {"duplicate_targetid": 1}


def test_votes_are_found_by_place_within_the_radius():
    at = np.array([150, 151, 152.0, np.nan])
    dec = 2 + np.array([0, 0.4, 0.6, 0]) * ARCSEC
    chosen = galaxies()
    chosen.loc[5, "ra"] = np.nan
    labels, losses = run(votes([(3, 1)] * 4, ra=at, dec=dec), chosen=chosen)
    assert set(labels["targetid"]) == {100, 101}
    assert lost(losses, "all") == {"position_unknown": 1, "not_in_votes": 3}
    assert lost(losses, "all", "catalogue") == {"position_unknown": 1}


def test_cuts_take_whom_they_say_and_are_counted():
    counts = [(0, 0), (2, 0), (5, 1), (5, 1), (20, 16), (4, 4)]
    first = [40, 40, 6, 40, 40, 8]
    given = votes(counts, first=first, targetid=100 + np.arange(6))
    labels, losses = run(given, Cuts(min_votes=3, test_min_votes=7, min_share=0.1))
    assert set(labels["targetid"]) == {102, 104}
    assert lost(losses) == {
        "not_asked": 1,
        "asked_of_few": 1,  # two of 40
        "few_votes": 0,
        "few_votes_for_test": 1,  # six, in the test split
        "tied": 1,
    }
    assert lost(losses, split="train") == dict(zip(lost(losses), (1, 1, 0, 0, 0), strict=True))
    labels, losses = run(given, Cuts(min_votes=3, test_min_votes=3, min_share=0))
    assert set(labels["targetid"]) == {102, 103, 104}
    assert lost(losses)["few_votes"] == 1


def test_losses_add_up_from_step_to_step():
    _, losses = run(votes([(3, 1)] * 6, targetid=100 + np.arange(6)), Cuts(2, 3, 0.5))
    assert list(losses.columns) == list(tables.LABEL_LOSSES_COLUMNS)
    np.testing.assert_array_equal(losses["n_in"] - losses["n_lost"], losses["n_out"])
    for _, rows in losses.groupby(["question", "split"]):
        np.testing.assert_array_equal(rows["n_out"].iloc[:-1], rows["n_in"].iloc[1:])
    per_split = losses[losses["split"].isin(tables.SPLITS)].groupby(["question", "step"])["n_lost"].sum()
    total = losses[losses["split"] == "all"].groupby(["question", "step"])["n_lost"].sum()
    pd.testing.assert_series_equal(per_split, total)


def test_unknown_numbers_of_votes_pass_the_cuts_on_them():
    given = votes([(3, 1)] * 6, targetid=100 + np.arange(6))
    unknown = np.full(6, np.nan, np.float32)
    given.questions["bar"] = Question(("yes", "no"), given.questions["bar"].fraction, unknown)
    labels, _ = run(given, Cuts(min_votes=3, test_min_votes=35, min_share=0.5))
    assert len(labels) == 12
    assert labels["votes"].isna().all()


def test_fractions_that_do_not_add_up_are_scaled():
    given = votes([(3, 1)] * 6, targetid=100 + np.arange(6))
    fraction = np.tile(np.float32([0.6, 0.2]), (6, 1))
    given.questions["bar"] = Question(("yes", "no"), fraction, given.questions["bar"].votes)
    labels, _ = run(given)
    np.testing.assert_allclose(labels["fraction"].iloc[:2], [0.75, 0.25])


def test_votes_on_other_galaxies_are_refused():
    with pytest.raises(DataError, match=r"None of 6 galaxies has a label: 0 are among those with votes"):
        run(votes([(3, 1)], targetid=np.array([7])))


@pytest.mark.skipif(not PANOPTES.exists(), reason="no votes of Galaxy Zoo in ../shared/realdata")
def test_real_votes_are_found_at_their_places():
    found = read_votes(PANOPTES, kind="debiased")
    rows = pd.DataFrame({"targetid": np.arange(4000), "split": "train", "ra": found.ra, "dec": found.dec})
    labels, losses = label(rows, found, radius_arcsec=0.5, cuts=Cuts(3, 35, 0.5))
    lead = labels.loc[labels.groupby("targetid")["fraction"].idxmax(), "answer"].value_counts()
    plain = found.questions["smooth-or-featured"]
    counted = np.bincount(plain.fraction.argmax(axis=1), minlength=3)
    twice = lost(losses, "all")["not_in_votes"]  # some galaxies are in the table twice
    tied = lost(losses, "smooth-or-featured")["tied"]
    assert 0 < twice < 20
    assert 0 < tied < 200
    assert lead.sum() == 4000 - twice - tied
    assert np.abs(lead[list(plain.answers)].to_numpy() - counted).max() <= twice + tied
