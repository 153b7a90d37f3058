import numpy as np
import pandas as pd
import pytest
import yaml
from test_figures_gallery import check_page
from test_report import REPO

from galaxypair import compare, tables
from galaxypair.figures import compare as drawing
from galaxypair.published.survey import refusal


@pytest.fixture(scope="module")
def values():
    return compare.published_values()


def scores(values, protocols):
    own = values.loc[values["protocol"].isin(protocols), compare.KEY].drop_duplicates()
    return own.assign(value=0.5, low=0.4, high=0.6, n=1000)[list(tables.METRIC_COLUMNS)]


def test_published_values_have_a_source_and_stand_once(values):
    assert tuple(values.columns) == tables.PUBLISHED_COLUMNS
    for kind in ("published", "reproduced"):
        known = values[kind].notna()
        assert (values.loc[known, f"{kind}_by"] != "").all()
        assert (values.loc[~known, f"{kind}_by"] == "").all()
        assert values.loc[known, kind].between(-1, 1).all()
    assert (values["published"].notna() | values["reproduced"].notna()).all()
    assert not values.duplicated([*compare.KEY, "model"]).any()


@pytest.mark.parametrize(
    ("source", "layout", "compares"),
    [
        ("download", "auto", True), ("subset", "auto", True), ("hub", "auto", True),
        ("embeddings", "rep", True), ("embeddings", "table", False), ("mmu", "auto", False),
        ("ingest", "auto", False), ("simulate", "auto", False),
    ],
)  # fmt: skip
def test_only_the_published_survey_compares(source, layout, compares):
    settings = yaml.safe_load((REPO / "config" / "config.yaml").read_text(encoding="utf-8"))
    settings |= {"source": source, "embeddings": settings["embeddings"] | {"layout": layout}}
    assert (refusal(settings) == "") is compares


def test_a_mock_run_fills_nothing_in_and_says_why(values):
    table = compare.compare(values, [scores(values, ["rep"])], "mock survey")
    assert tuple(table.columns) == tables.COMPARE_COLUMNS
    assert len(table) == len(values)
    assert table[["ours", "low", "high", "n"]].isna().all(axis=None)
    assert (table["reason"] == "mock survey").all()


def test_ours_stands_beside_the_same_protocol_alone(values):
    table = compare.compare(values, [scores(values, ["rep"])], "")
    filled = table["ours"].notna()
    assert (filled == (table["protocol"] == "rep")).all()
    assert (table.loc[filled, ["ours", "low", "high", "n"]] == [0.5, 0.4, 0.6, 1000]).all(axis=None)
    assert (table["reason"] == "").equals(filled)
    assert set(table.loc[table["protocol"] == "adn", "reason"]) == {
        "not computed: see the key compare.tables"
    }


def test_other_models_have_no_value_of_ours(values):
    table = compare.compare(values, [scores(values, ["v2"]), scores(values, ["few_shot_mlp"])], "")
    assert table.loc[table["model"] == "DINO", "ours"].isna().all()
    assert (
        table.loc[(table["model"] == "AstroCLIP") & (table["protocol"] == "few_shot_mlp"), "ours"]
        .notna()
        .all()
    )


def test_means_are_over_all_their_terms_or_not_given(values):
    own = pd.DataFrame(
        [("resnet18_supervised", "image", "image", t, "r2", v, 0, 1, n)
         for t, v, n in zip(compare.PROPERTIES, (0.1, 0.2, 0.3, 0.8), (9, 8, 7, 6), strict=True)],
        columns=list(tables.METRIC_COLUMNS),
    )  # fmt: skip
    row = "protocol == 'resnet18_supervised' and target == 'properties'"
    mean = compare.compare(values, [own], "").query(row).iloc[0]
    assert (mean["ours"], mean["n"]) == (pytest.approx(0.35), 6)
    assert np.isnan(mean["low"])
    assert np.isnan(compare.compare(values, [own[:-1]], "").query(row).iloc[0]["ours"])


@pytest.mark.parametrize("protocols", [[], ["rep", "v2", "adn", "resnet18_supervised", "few_shot_mlp"]])
def test_figure_has_each_row_and_clips_nothing(values, protocols):
    why = "" if protocols else "mock survey: these galaxies are simulated"
    figure = drawing.rows(compare.compare(values, [scores(values, protocols)], why))
    check_page(figure)
    assert sum(len(axes.get_yticks()) for axes in figure.axes) == len(values)


def test_few_shot_counts_with_all_labels_and_the_mean_of_its_draws():
    rows = [
        ("few_shot_mlp", "image", "z", n_labels, 9, repeat, "r2", value, value - 0.1, value + 0.1, 50)
        for n_labels, repeat, value in ((100, 1, 0.1), (800, 1, 0.5), (800, 2, 0.7))
    ]
    got = compare.score_rows(pd.DataFrame(rows, columns=list(tables.FEW_SHOT_COLUMNS))).iloc[0]
    assert tuple(got.index) == tables.METRIC_COLUMNS
    assert (got["reference"], got["query"], got["n"]) == ("image", "image", 50)
    assert got[["value", "low", "high"]].tolist() == pytest.approx([0.6, 0.5, 0.7])
