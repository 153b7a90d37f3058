"""Choice of the galaxies that retrieval figures ask for: drawn, by TARGETID, by row."""

import numpy as np
import pytest

from galaxypair import io, queries, tables
from galaxypair.errors import ConfigError

FIRST = 39627733877330211  # more digits than a float holds
N = 90


@pytest.fixture
def split() -> io.Embeddings:
    rng = np.random.default_rng(1)
    unit = {m: io.unit(rng.normal(size=(N, 8)).astype("f4")) for m in tables.MODALITIES}
    unit["image"][10:20] = np.nan
    return io.Embeddings(FIRST + np.arange(N), {}, unit)


def choose(split, asked=4, rows=(), seed=3):
    return queries.choose(split, queries=asked, query_rows=rows, rng=np.random.default_rng(seed))


def table(split, **changes):
    settings = {"queries": 4, "query_rows": [], "single_row": None, "n_neighbours": 5} | changes
    return queries.table(split, **settings, rng=np.random.default_rng(3))


def test_drawn_queries_follow_the_seed_and_have_both_modalities(split):
    assert choose(split).tolist() == choose(split).tolist() != choose(split, seed=4).tolist()
    every = choose(split, asked=1000) - FIRST
    assert sorted(every) == [*range(10), *range(20, N)]


def test_targetids_come_before_rows_each_once_in_their_order(split):
    assert (choose(split, [FIRST + 60, FIRST + 2], [5, 60]) - FIRST).tolist() == [60, 2, 5]


def test_rows_count_from_zero_in_the_table_and_take_the_place_of_the_draw(split):
    assert (choose(split, 4, [0, 25]) - FIRST).tolist() == [0, 25]


def test_unknown_targetid_is_refused_with_the_nearest(split):
    message = (
        rf"names TARGETID {FIRST + 93}.* 90 galaxies of the test split.*nearest number there is {FIRST + 89}"
    )
    with pytest.raises(ConfigError, match=message):
        choose(split, [FIRST + 93])


def test_galaxy_without_a_modality_is_refused(split):
    with pytest.raises(ConfigError, match=rf"TARGETID {FIRST + 12}, which lacks its image or its spectrum"):
        choose(split, [FIRST + 12])
    with pytest.raises(ConfigError, match=rf"`retrieval.query_rows` names row 12 \(TARGETID {FIRST + 12}\)"):
        choose(split, 4, [12])


def test_row_beyond_the_survey_is_refused(split):
    with pytest.raises(ConfigError, match=r"`retrieval\.query_rows` names row 300, .* rows from 0 to 89"):
        choose(split, 4, [4, 300, 669, 23])
    with pytest.raises(ConfigError, match=r"`retrieval\.single_row` names row 90"):
        table(split, single_row=90)


def test_table_holds_queries_and_the_single_galaxy_with_a_page_of_images(split):
    found = table(split, single_row=25)
    asked = found[found["role"] == "query"]
    assert asked["targetid"].drop_duplicates().tolist() == choose(split).tolist()
    assert (asked.groupby(["targetid", "query", "reference"]).size() == 5).all()
    single = found[found["role"] == "single"]
    assert (single["targetid"] == FIRST + 25).all()
    sizes = single.groupby(["query", "reference"]).size().to_dict()
    assert sizes.pop(("image", "image")) == queries.GRID_CELLS - 1
    assert set(sizes.values()) == {5}
    assert len(sizes) == 3


def test_single_galaxy_is_the_first_query_unless_named(split):
    single = table(split, query_rows=[33, 4]).query("role == 'single'")["targetid"]
    assert (single == FIRST + 33).all()
