"""Reading of votes and classes, whatever their layout."""

import h5py
import numpy as np
import pandas as pd
import pytest
from realdata import REALDATA

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.io.votes import check_votes, read_votes

PANOPTES = REALDATA / "mwalmsley_galaxy-zoo-bayesian-cnn/zoobot/tests/test_examples/panoptes.csv"


def galaxy_zoo(path, n=4, **changes):
    """Write a table in the layout of gz_decals_volunteers_5.csv, every answer with a vote of each kind."""
    columns = {"iauname": [f"J{i}" for i in range(n)], "ra": np.linspace(150, 151, n), "dec": np.zeros(n)}
    for question, answers in tables.GALAXY_ZOO.items():
        columns[f"{question}_total-votes"] = np.full(n, 10 * len(answers))
        for i, answer in enumerate(answers):
            columns[f"{question}_{answer}"] = np.full(n, 10)
            columns[f"{question}_{answer}_fraction"] = np.full(n, 1 / len(answers))
            columns[f"{question}_{answer}_debiased"] = np.full(n, float(i == 0))
    pd.DataFrame(columns | changes).to_csv(path, index=False)
    return path


def test_galaxy_zoo_has_ten_questions_with_the_answers_of_the_contract(tmp_path):
    votes = read_votes(galaxy_zoo(tmp_path / "gz.csv"), kind="debiased")
    assert {name: q.answers for name, q in votes.questions.items()} == tables.GALAXY_ZOO
    assert list(votes.questions) == list(tables.GALAXY_ZOO)
    assert votes.targetid is None
    np.testing.assert_allclose(votes.ra, np.linspace(150, 151, 4))
    bar = votes.questions["bar"]
    np.testing.assert_array_equal(bar.fraction, np.tile(np.float32([1, 0, 0]), (4, 1)))
    np.testing.assert_array_equal(bar.votes, 30)


def test_plain_fractions_are_taken_if_asked_for(tmp_path):
    votes = read_votes(galaxy_zoo(tmp_path / "gz.csv"), kind="fraction")
    np.testing.assert_allclose(votes.questions["bar"].fraction, 1 / 3, rtol=1e-6)


def test_plain_fractions_serve_where_none_are_debiased(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("targetid,bar_yes_fraction,bar_no_fraction\n5,0.25,0.75\n6,,\n")
    votes = read_votes(path, kind="debiased")
    np.testing.assert_array_equal(votes.targetid, [5, 6])
    np.testing.assert_array_equal(votes.questions["bar"].fraction[0], [0.25, 0.75])
    assert np.isnan(votes.questions["bar"].fraction[1]).all()
    assert np.isnan(votes.questions["bar"].votes).all()


def test_other_fractions_are_no_votes(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("targetid,disc_gas_fraction,gas_fraction,class\n5,0.25,3.5,a\n")
    assert list(read_votes(path, kind="debiased").questions) == ["class"]


def test_only_the_questions_asked_for_are_read(tmp_path):
    votes = read_votes(galaxy_zoo(tmp_path / "gz.csv"), kind="debiased", questions=["merging", "iauname"])
    assert list(votes.questions) == ["merging", "iauname"]


def test_column_of_classes_is_taken_as_text(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("RA,Dec,class\n10.5,-2.0,07\n11.0,91,spiral\n12.0,3.0,\n")
    votes = read_votes(path, kind="debiased")
    question = votes.questions["class"]
    assert question.answers == ("07", "spiral")
    np.testing.assert_array_equal(question.fraction[:2], [[1, 0], [0, 1]])
    assert np.isnan(question.fraction[2]).all()
    assert np.isnan(votes.dec[1])
    assert votes.ra[0] == 10.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,class\na,b\n", r"neither a column `targetid` nor `ra` and `dec` \(found name, class\)"),
        ("targetid,kind\n5,b\n", r"no column `class` \(found targetid, kind\).*morphology.questions"),
        ("targetid,class\n5.5,b\n", "targetid `5.5` in row 2 is no whole number"),
        ("targetid,class\n5,b\n,a\n", "targetid `nan` in row 3 is no whole number"),
        ("targetid,bar_yes_fraction,bar_no_fraction\n5,30,70\n", "`bar` lie outside 0 to 1"),
        ("targetid,bar_yes_fraction,bar_no_fraction\n5,few,1\n", "column of numbers .*holds something else"),
        ("", "cannot be read as a csv table"),
    ],
)
def test_refusal_says_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_votes(path, kind="debiased")


def test_column_of_measurements_is_no_class(tmp_path):
    path = tmp_path / "own.csv"
    pd.DataFrame({"targetid": np.arange(50), "class": np.linspace(0, 1, 50)}).to_csv(path, index=False)
    with pytest.raises(DataError, match="holds 50 different values, more than the 40"):
        read_votes(path, kind="debiased")


def galaxy10(path, answer=(0, 9, 5)):
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((len(answer), 8, 8, 3), "u1")
        file["ans"] = np.array(answer, "u1")
        file["ra"], file["dec"] = np.linspace(10, 20, len(answer)), np.zeros(len(answer))
        file["pxscale"] = file["redshift"] = np.zeros(len(answer))
    return path


def test_galaxy10_gives_one_question_of_ten_classes(tmp_path):
    votes = read_votes(galaxy10(tmp_path / "g.h5"), kind="debiased")
    question = votes.questions["galaxy10"]
    found = [question.answers[i] for i in question.fraction.argmax(axis=1)]
    assert found == ["disturbed", "edge-on with bulge", "barred spiral"]
    np.testing.assert_array_equal(question.fraction.sum(axis=1), 1)
    np.testing.assert_array_equal(votes.ra, [10, 15, 20])


def test_what_is_not_galaxy10_is_refused(tmp_path):
    with pytest.raises(DataError, match="`ans` is no number from 0 to 9"):
        read_votes(galaxy10(tmp_path / "g.h5", (0, 17)), kind="debiased")
    with pytest.raises(DataError, match=r"Galaxy10 has one question, `galaxy10`, but .* names bar"):
        read_votes(galaxy10(tmp_path / "g.h5"), kind="debiased", questions=["bar"])
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["ans"] = [1]
    with pytest.raises(DataError, match=r"no dataset `ra` \(found ans\)"):
        check_votes(tmp_path / "other.h5")
    with h5py.File(tmp_path / "torn.h5", "w") as file:
        file["ans"], file["ra"], file["dec"] = [1], [1.0, 2.0], [1.0]
    with pytest.raises(DataError, match="differ in length"):
        check_votes(tmp_path / "torn.h5")


def test_fetched_files_are_checked_by_their_header(tmp_path):
    check_votes(galaxy_zoo(tmp_path / "gz.csv"))
    check_votes(galaxy10(tmp_path / "g.h5"))
    (tmp_path / "page.csv").write_text("<html>\n")
    with pytest.raises(DataError, match="neither a column `targetid`"):
        check_votes(tmp_path / "page.csv")


@pytest.mark.skipif(not PANOPTES.exists(), reason="no votes of Galaxy Zoo in ../shared/realdata")
def test_real_votes_of_galaxy_zoo_are_read():
    votes = read_votes(PANOPTES, kind="debiased")
    question = votes.questions["smooth-or-featured"]
    assert set(votes.questions) == {"smooth-or-featured"}
    assert question.answers == tables.GALAXY_ZOO["smooth-or-featured"]
    assert len(votes.ra) == len(question.votes) == 4000
    assert question.votes.min() > 30
    np.testing.assert_allclose(question.fraction.sum(axis=1), 1, atol=1e-5)
    assert np.isfinite(votes.ra).all()
