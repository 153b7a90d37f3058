"""Protocols: who is labelled, who is asked, and that nobody is both unless it is said."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import factories
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.neighbors import KNeighborsRegressor

from galaxypair import io, protocol_scores, tables
from galaxypair.errors import ConfigError, DataError, TooFewError
from galaxypair.figures import protocols as figure
from galaxypair.protocols import OWN, Protocol, configured, pools

SECTIONS = yaml.safe_load((Path(__file__).parents[1] / "config/config.yaml").read_text(encoding="utf-8"))[
    "protocols"
]
WITHIN = Protocol("within", 4, pool="within_test", held_out=50, held_out_of=400, seed=25101999)


def make_splits(folder: Path, n: int = 400, dim: int = 16) -> tuple[dict[str, Path], pd.DataFrame]:
    """Paths of embeddings of n galaxies in each split, and their properties; two thirds are matched."""
    rng = np.random.default_rng(3)
    z = rng.uniform(0.05, 0.5, 3 * n).astype("f4")
    ids = 39_627_000 + rng.permutation(3 * n)
    paths = {}
    for i, split in enumerate(tables.SPLITS):
        rows = slice(i * n, (i + 1) * n)
        path = folder / f"{split}.parquet"
        paths[split] = factories.make_embeddings(path, ids[rows], z[rows], split=split, seed=i, dim=dim)
    properties = pd.DataFrame({"targetid": ids, "split": "test", "z": z, "matched": np.arange(3 * n) % 3 > 0})
    properties["log_mstar"] = np.where(properties["matched"], 9 + 4 * z.astype("f8"), np.nan)
    return paths, properties


@pytest.fixture
def survey(tmp_path):
    paths, properties = make_splits(tmp_path)
    return {split: io.read_embeddings(path) for split, path in paths.items()}, properties


def measure(survey, *protocols, targets=None):
    splits, properties = survey
    scores, records = protocol_scores.measure(
        protocols, splits, properties, targets=targets, bootstrap=10, seed=1
    )
    return pd.concat(scores) if scores else None, records


def test_published_protocols_of_the_configuration_are_what_was_published():
    rep, v2, adn = configured(SECTIONS)
    assert (rep.name, rep.ks, rep.weights, rep.vectors) == ("rep", (16,), "distance", "raw")
    assert (rep.pool, rep.sample) == ("within_test", "catalogue")
    assert (rep.held_out, rep.held_out_of, rep.seed) == (5000, 39_599, 25_101_999)
    assert (v2.name, v2.ks, v2.weights, v2.vectors) == ("v2", (64,), "distance", "standardised")
    assert (v2.pool, v2.sample) == ("train_to_test", "catalogue")
    assert (adn.name, adn.ks, adn.weights, adn.with_self) == ("adn", (16,), "uniform", True)


def test_protocol_that_is_off_is_left_out_and_the_own_name_is_taken():
    assert [p.name for p in configured({**SECTIONS, "v2": None})] == ["rep", "adn"]
    with pytest.raises(ConfigError, match=r"`protocols.train_to_test` is the name"):
        configured({OWN: SECTIONS["v2"]})


def test_held_out_galaxies_are_those_of_numpys_seeded_permutation(survey):
    splits, properties = survey
    references, queries = pools(WITHIN, splits["train"], splits["test"], properties)
    np.random.seed(25101999)  # noqa: NPY002 - what the published code calls
    order = np.sort(splits["test"].targetid)[np.random.permutation(400)]  # noqa: NPY002
    np.testing.assert_array_equal(queries.targetid, order[-50:])
    np.testing.assert_array_equal(references.targetid, order[:-50])
    rows = pd.Index(splits["test"].targetid).get_indexer(queries.targetid)
    np.testing.assert_array_equal(queries.unit["image"], splits["test"].unit["image"][rows])


@pytest.mark.parametrize(("of", "expected"), [(400, 50), (300, 50), (800, 25)])
def test_a_smaller_test_split_holds_out_the_same_share(survey, of, expected):
    splits, properties = survey
    protocol = replace(WITHIN, held_out_of=of)
    references, queries = pools(protocol, splits["train"], splits["test"], properties)
    assert (len(references.targetid), len(queries.targetid)) == (400 - expected, expected)


def test_sample_of_the_catalogue_leaves_the_others_out_on_both_sides(survey):
    splits, properties = survey
    matched = set(properties.loc[properties["matched"], "targetid"])
    for pool in ("train_to_test", "within_test", "within_test_with_self"):
        protocol = replace(WITHIN, pool=pool, sample="catalogue")
        for side in pools(protocol, splits["train"], splits["test"], properties):
            assert 0 < len(side.targetid) and set(side.targetid) <= matched


def test_self_is_a_reference_only_where_the_protocol_says_so(survey):
    splits, properties = survey
    labels = properties.set_index("targetid")["z"]
    label = labels[splits["test"].targetid].astype("f8")
    leaky = Protocol("leaky", 1, weights="uniform", pool="within_test_with_self")
    scores, _ = measure(survey, leaky, replace(WITHIN, k=1), targets=["z"])
    r2 = scores.query("metric == 'r2' and reference == query").set_index("protocol")["value"]
    assert (r2["leaky"] == 1).all() and (r2["within"] < 1).all()
    sixteen = replace(leaky, k=16)
    scores, _ = measure(survey, sixteen, targets=["z"])
    vectors = splits["test"].unit["image"].astype("f8")
    expected = KNeighborsRegressor(16).fit(vectors, label).score(vectors, label)
    found = scores.query("metric == 'r2' and reference == 'image' and query == 'image'")["value"]
    assert found.item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("pool", ["train_to_test", "within_test"])
def test_a_galaxy_on_both_sides_stops_and_is_named(survey, pool):
    splits, properties = survey
    test = splits["test"]
    twice = np.arange(400)
    twice[:200] = 399  # one galaxy so often that the draw has it on both sides
    leaky = io.Embeddings(
        test.targetid[twice], *({m: v[twice] for m, v in part.items()} for part in (test.raw, test.unit))
    )
    train = leaky if pool == "train_to_test" else splits["train"]
    with pytest.raises(
        DataError, match=rf"TARGETID .*{'' if pool == 'train_to_test' else test.targetid[399]}"
    ):
        pools(replace(WITHIN, pool=pool), train, leaky, properties)


def test_each_protocol_has_its_own_label_and_record(survey):
    scores, records = measure(survey, *configured(SECTIONS))
    assert list(scores["protocol"].unique()) == ["rep", "v2", "adn"] == list(records)
    assert not scores.duplicated(list(tables.METRIC_COLUMNS[:5])).any()
    assert records["v2"]["k"] == 64 and records["v2"]["settings"]["vectors"] == "standardised"
    share = round(5000 * 400 / 39_599)
    assert records["rep"]["queries"] == share
    assert scores.query("protocol == 'rep'")["n"].eq(share).all()
    assert records["adn"]["references"] == records["adn"]["queries"] == 400


def test_scores_of_one_protocol_do_not_depend_on_the_others(survey):
    alone, _ = measure(survey, configured(SECTIONS)[1])
    together, _ = measure(survey, *configured(SECTIONS))
    pd.testing.assert_frame_equal(alone, together.query("protocol == 'v2'"))


def test_standardised_targets_would_change_nothing(survey):
    splits, properties = survey
    scaled = properties.assign(log_mstar=(properties["log_mstar"] - 10) / 0.37)
    protocol = configured(SECTIONS)[1]
    once, _ = measure(survey, protocol, targets=["log_mstar"])
    again, _ = measure((splits, scaled), protocol, targets=["log_mstar"])
    r2 = (part.query("metric == 'r2'")["value"] for part in (once, again))
    np.testing.assert_allclose(*r2, rtol=1e-10)


def test_what_has_too_few_galaxies_is_left_out_and_said(survey, caplog):
    scores, records = measure(survey, Protocol("large", 401), Protocol("small", 4))
    assert list(scores["protocol"].unique()) == ["small"]
    assert "known for 401 references" in records["large"]["left_out"]
    assert "Left out: Protocol `large`" in caplog.text


def test_without_a_catalogue_its_protocols_are_left_out(survey):
    splits, properties = survey
    without = properties.assign(matched=False, log_mstar=np.nan)
    _, records = measure((splits, without), *configured(SECTIONS))
    assert [name for name, record in records.items() if "left_out" in record] == ["rep", "v2"]
    with pytest.raises(TooFewError, match="Give the run a catalogue"):
        pools(configured(SECTIONS)[0], splits["train"], splits["test"], without)


def run_scripts(folder: Path, paths: dict[str, Path], properties: pd.DataFrame) -> Path:
    """Metrics as the rules make them."""
    io.write_table(properties, folder / "properties.parquet")
    inputs = {**paths, "properties": folder / "properties.parquet"}
    settings = {"k": [4, 16], "targets": None, "bootstrap": 20, "seed": 1}
    own = {"metrics": folder / "zeroshot.csv", "choice": folder / "zeroshot.json"}
    importlib.import_module("zeroshot").zeroshot(
        **inputs, **own, predictions=folder / "predictions.parquet", settings=settings
    )
    importlib.import_module("protocols").protocols(
        **inputs, own=own["metrics"], own_record=own["choice"], metrics=folder / "protocols.csv",
        records=folder / "protocols.json", sections=SECTIONS, settings=settings,
    )  # fmt: skip
    return folder


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "workflow" / "scripts"))


@pytest.mark.usefixtures("scripts")
def test_scripts_put_the_own_protocol_beside_the_others(tmp_path):
    folder = run_scripts(tmp_path, *make_splits(tmp_path, n=200))
    table = io.read_table(folder / "protocols.csv")
    records = json.loads((folder / "protocols.json").read_text(encoding="utf-8"))
    assert list(table["protocol"].unique()) == [OWN, "rep", "v2", "adn"] == list(records)
    own = table[table["protocol"] == OWN].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, io.read_table(folder / "zeroshot.csv"))
    assert records[OWN]["k"] in (4, 16) and set(records[OWN]["validation"]) == {"4", "16"}


@pytest.mark.usefixtures("scripts")
def test_script_stops_at_a_galaxy_in_both_splits(tmp_path):
    paths, properties = make_splits(tmp_path, n=100)
    leaked = io.read_embeddings(paths["test"]).targetid[:5]
    known = io.read_embeddings(paths["train"]).targetid.copy()
    known[:5] = leaked
    factories.make_embeddings(paths["train"], known, np.linspace(0.1, 0.5, 100), split="train")
    named = ", ".join(map(str, sorted(leaked)[:3]))
    with pytest.raises(DataError, match=rf"5 galaxies .* \(TARGETID {named}, \.\.\.\).*--forcerun"):
        run_scripts(tmp_path, paths, properties)


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize("n", [64, 2000])
def test_figure_shows_every_protocol_and_marks_the_leak(tmp_path, n):
    folder = run_scripts(tmp_path, *make_splits(tmp_path, n=n))
    records = json.loads((folder / "protocols.json").read_text(encoding="utf-8"))
    drawn = figure.side_by_side(io.read_table(folder / "protocols.csv"), records)
    (legend,) = drawn.legends
    texts = [text.get_text() for text in legend.get_texts()]
    names = [text.partition(":")[0] for text in texts]
    missing = [name for name, record in records.items() if "left_out" in record]
    assert sorted(names) == sorted({*records, *missing} - set(missing) | {", ".join(missing)} - {""})
    assert [text for text in texts if "LEAK" in text] == [text for text in texts if text.startswith("adn")]
    drawn.draw_without_rendering()


def test_figure_without_scores_says_so():
    drawn = figure.side_by_side(pd.DataFrame(columns=list(tables.METRIC_COLUMNS)), {})
    assert "No property" in drawn.axes[0].texts[0].get_text()
