"""Votes on the mock survey: the published layout, the tree of questions, and what they know of the truth."""

import numpy as np
import pytest
from test_votes import galaxy_zoo

from galaxypair import io, tables
from galaxypair.io.votes import read_votes
from galaxypair.mock import junk
from galaxypair.mock.survey import ROW_DTYPE
from galaxypair.mock.votes import TREE, answer_chances, clarity, draw_votes


def truth(n=2000, seed=1, **changes):
    """Rows of the truth with random structure, all bright enough to be shown."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(n, ROW_DTYPE)
    rows["repeats"] = -1
    rows["ra"], rows["dec"], rows["z"] = rng.uniform(150, 260, n), rng.uniform(-5, 40, n), 0.1
    rows["flux"] = 10 ** (0.4 * (22.5 - rng.uniform(14, 18.5, n)))[:, None]
    rows["half_light_radius"] = rng.uniform(0.5, 12, n)
    rows["axis_ratio"], rows["bulge_fraction"] = rng.uniform(0.1, 1, n), rng.uniform(0, 1, n)
    rows["quiescent"] = rng.random(n) < 0.4
    for name, value in changes.items():
        rows[name] = value
    return rows


@pytest.fixture(scope="module")
def table():
    return draw_votes(truth(), 1)


def test_columns_are_those_of_the_published_table(table, tmp_path):
    published = set(io.read_table(galaxy_zoo(tmp_path / "gz.csv")).columns)
    assert set(table.columns) - {"redshift"} == published
    io.write_table(table, tmp_path / "mock.csv")
    votes = read_votes(tmp_path / "mock.csv", kind="debiased")
    assert {name: q.answers for name, q in votes.questions.items()} == tables.GALAXY_ZOO


def test_names_follow_the_place():
    rows = truth(2, ra=[150.0697945, 220.176442], dec=[-0.9745046, 0.0])
    names = draw_votes(rows, 1)["iauname"]
    assert names.str.fullmatch(r"J\d{6}\.\d{2}[+-]\d{6}\.\d").all()
    assert names[0].startswith("J100016.")
    assert "-005828." in names[0]


def test_questions_are_asked_of_those_who_come_to_them(table):
    for question, origin in TREE.items():
        total = table[[f"{question}_{a}" for a in tables.GALAXY_ZOO[question]]].sum(axis=1)
        np.testing.assert_array_equal(table[f"{question}_total-votes"], total)
        if origin is not None:
            np.testing.assert_array_equal(total, table["_".join(origin)])
    first = table["smooth-or-featured_total-votes"]
    np.testing.assert_array_equal(table["merging_total-votes"], first - table["smooth-or-featured_artifact"])
    assert first.between(5, 40).all()
    assert (first == 40).any()


def test_fractions_are_shares_and_missing_where_nobody_was_asked(table):
    total = table["bar_total-votes"]
    fraction = table[[f"bar_{a}_fraction" for a in tables.GALAXY_ZOO["bar"]]]
    np.testing.assert_allclose(fraction[total > 0].sum(axis=1), 1)
    assert fraction[total == 0].isna().all(axis=None)
    assert (total == 0).any()


def test_chances_are_chances():
    for question, chance in answer_chances(truth()).items():
        assert chance.shape == (2000, len(tables.GALAXY_ZOO[question])), question
        assert (chance >= 0).all()
        np.testing.assert_allclose(chance.sum(axis=1), 1, atol=1e-12)


def test_answers_follow_the_true_structure():
    disc = {"quiescent": False, "half_light_radius": 10.0, "flux": 3000.0, "bulge_fraction": 0.02}
    face, edge = (answer_chances(truth(1, axis_ratio=q, **disc)) for q in (0.9, 0.12))
    early = answer_chances(truth(1, **{**disc, "quiescent": True, "bulge_fraction": 0.9}, axis_ratio=0.9))
    small = answer_chances(truth(1, **{**disc, "half_light_radius": 1.3}, axis_ratio=0.9))

    def answer(chances, question):
        return tables.GALAXY_ZOO[question][int(chances[question][0].argmax())]

    assert answer(face, "smooth-or-featured") == "featured-or-disk"
    assert answer(early, "smooth-or-featured") == answer(small, "smooth-or-featured") == "smooth"
    assert (answer(face, "disk-edge-on"), answer(edge, "disk-edge-on")) == ("no", "yes")
    assert answer(face, "has-spiral-arms") == "yes"
    assert answer(edge, "has-spiral-arms") == "no"
    assert (answer(early, "bulge-size"), answer(face, "bulge-size")) == ("dominant", "none")
    assert (answer(early, "edge-on-bulge"), answer(edge, "edge-on-bulge")) == ("rounded", "none")
    assert (answer(early, "how-rounded"), answer(edge, "how-rounded")) == ("round", "cigar-shaped")
    spoiled = answer_chances(truth(1, junk=junk.SATURATED_STAR))
    assert answer(spoiled, "smooth-or-featured") == "artifact"


@pytest.mark.parametrize("question", ["bar", "spiral-winding", "merging"])
def test_what_the_truth_does_not_hold_is_answered_alike_for_all(question):
    chance = answer_chances(truth())[question]
    np.testing.assert_array_equal(chance, np.tile(chance[0], (2000, 1)))


def test_small_and_faint_galaxies_are_seen_less():
    sizes = clarity(truth(3, half_light_radius=[1, 3, 9], flux=1000.0))
    fluxes = clarity(truth(3, half_light_radius=5.0, flux=np.array([[10], [30], [300]])))
    assert (np.diff(sizes) > 0.1).all()
    assert (np.diff(fluxes) > 0.1).all()


def test_repeats_and_faint_galaxies_are_not_shown():
    rows = truth(6)
    rows["repeats"][1], rows["flux"][2] = 5, 10 ** (0.4 * (22.5 - 19.5))
    assert len(draw_votes(rows, 1)) == 4


def test_places_differ_by_less_than_the_published_radius_mostly():
    rows = truth(500)
    table = draw_votes(rows, 1)
    east = (table["ra"] - rows["ra"]) * np.cos(np.radians(rows["dec"]))
    offset = np.hypot(east, table["dec"] - rows["dec"])
    assert 0.05 < np.median(offset) * 3600 < 0.2
    assert (offset * 3600 < 0.5).mean() > 0.99


def test_same_seed_same_votes_other_seed_others():
    first, again, other = (draw_votes(truth(), seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)
