"""Agreement of neighbours in their properties: against brute force in pandas, and against planted answers."""

import numpy as np
import pandas as pd
import pytest
from factories import make_embeddings

from galaxypair import agreement, io, tables
from galaxypair.errors import ConfigError

N = 150


@pytest.fixture
def split(tmp_path) -> tuple[io.Embeddings, pd.DataFrame]:
    rng = np.random.default_rng(2)
    z = rng.uniform(0.05, 0.5, N)
    read = io.read_embeddings(make_embeddings(tmp_path / "test.parquet", np.arange(N) + 500, z))
    split = io.Embeddings(read.targetid, read.raw, {m: v.copy() for m, v in read.unit.items()})
    split.unit["image"][:5] = np.nan
    mass = np.where(rng.random(N) < 0.7, 9 + 4 * z + rng.normal(0, 0.2, N), np.nan)
    properties = pd.DataFrame({"targetid": read.targetid, "z": z, "log_mstar": mass, "age": 3 * z})
    return split, properties.sample(frac=1, random_state=1)  # in an order of its own


def evaluate(split, properties, targets=("z", "log_mstar", "age"), ranks=(1, 10), bootstrap=20):
    rng = np.random.default_rng(0)
    return agreement.evaluate(split, properties, targets=targets, ranks=ranks, bootstrap=bootstrap, rng=rng)


def brute_force(split, properties, pair, target, rank):
    """Differences of one row of the table, pair by pair."""
    query, reference = pair
    vectors = {m: dict(zip(split.targetid, split.unit[m], strict=True)) for m in tables.MODALITIES}
    both = [t for t in split.targetid if all(np.isfinite(v[t]).all() for v in vectors.values())]
    value = properties.set_index("targetid")[target]
    differences = []
    for own in both:
        cosine = pd.Series({t: float(vectors[query][own] @ vectors[reference][t]) for t in both if t != own})
        other = cosine.sort_values(ascending=False).index[rank - 1]
        d = value[other] - value[own]
        differences.append(d / (1 + value[own]) if target == "z" else d)
    return pd.Series(differences).dropna()


@pytest.mark.parametrize("pair", [("image", "image"), ("image", "spectrum"), ("spectrum", "image")])
@pytest.mark.parametrize(("target", "limit"), [("z", 0.05), ("log_mstar", 0.2)])
def test_numbers_are_those_of_brute_force(split, pair, target, limit):
    found = evaluate(*split).set_index(["query", "reference", "target", "metric"])
    for rank in (1, 10):
        d = brute_force(*split, pair, target, rank)
        scatter = found.loc[(*pair, target, f"nmad_rank_{rank}")]
        close = found.loc[(*pair, target, f"close_fraction_rank_{rank}")]
        assert scatter["value"] == pytest.approx(1.4826 * (d - d.median()).abs().median(), rel=1e-6)
        assert close["value"] == pytest.approx((d.abs() <= limit).mean(), rel=1e-9)
        assert scatter["n"] == close["n"] == len(d)
        assert scatter["low"] <= scatter["high"]


def test_table_has_every_pair_target_and_rank_beside_random_ones(split):
    found = evaluate(*split)
    assert tuple(found.columns) == tables.METRIC_COLUMNS
    assert set(found["protocol"]) == {"test_split"}
    names = {f"{m}_rank_{r}" for m in ("nmad", "close_fraction") for r in (1, 10)}
    names |= {"random_nmad", "random_close_fraction"}
    sets = found.groupby(["query", "reference", "target"])["metric"].agg(set)
    assert len(sets) == 4 * 3
    assert all(s == names for s in sets.xs("z", level="target"))
    # no limit is agreed on for an age in Gyr
    assert all(s == {n for n in names if "nmad" in n} for s in sets.xs("age", level="target"))


def test_neighbours_agree_better_than_random_pairs_and_worse_with_rank(split):
    cell = evaluate(*split).query("query == 'image' and reference == 'spectrum' and target == 'z'")
    z = cell.set_index("metric")["value"]
    assert z["nmad_rank_1"] < z["nmad_rank_10"] < z["random_nmad"]
    assert z["close_fraction_rank_1"] > z["random_close_fraction"]


def test_galaxy_does_not_agree_with_itself(split):
    """Twin embeddings across modalities: if a query's own galaxy counted, all differences were 0."""
    embeddings, properties = split
    embeddings.unit["spectrum"][:] = embeddings.unit["image"]
    found = evaluate(embeddings, properties).set_index(["query", "reference", "target", "metric"])["value"]
    assert found["image", "spectrum", "z", "nmad_rank_1"] > 0
    assert found["image", "spectrum", "z", "nmad_rank_1"] == found["image", "image", "z", "nmad_rank_1"]


def test_embeddings_that_know_nothing_agree_like_random_pairs():
    rng = np.random.default_rng(5)
    n = 3000
    unit = {m: io.unit(rng.normal(size=(n, 6)).astype("f4")) for m in tables.MODALITIES}
    properties = pd.DataFrame({"targetid": np.arange(n), "z": rng.uniform(0, 0.5, n)})
    embeddings = io.Embeddings(np.arange(n), {}, unit)
    found = evaluate(embeddings, properties, ["z"], [1]).set_index(["query", "reference", "metric"])
    for pair in (("image", "image"), ("image", "spectrum")):
        own, random = found.loc[(*pair, "nmad_rank_1")], found.loc[(*pair, "random_nmad")]
        assert own["value"] == pytest.approx(random["value"], rel=0.1)


def test_random_partners_are_others_and_use_each_value_once():
    values = np.where(np.arange(50) % 5, np.arange(50.0), np.nan)
    partners = agreement.random_partners(values, np.random.default_rng(1))
    known = np.isfinite(values)
    assert (np.isfinite(partners) == known).all()
    assert sorted(partners[known]) == sorted(values[known])
    assert (partners[known] != values[known]).all()
    assert np.isnan(agreement.random_partners(np.array([1.0, np.nan]), np.random.default_rng(1))).all()


def test_same_seed_gives_the_same_table(split):
    assert evaluate(*split).equals(evaluate(*split))


def test_ranks_beyond_the_survey_are_left_out_and_said(split, caplog):
    found = evaluate(*split, ranks=[1, 144, 145])
    assert {m for m in found["metric"] if "rank" in m and "nmad" in m} == {"nmad_rank_1", "nmad_rank_144"}
    assert "ranks 145 need more than the 144 other galaxies" in caplog.text


def test_property_of_nobody_in_the_test_split_has_no_rows(split):
    embeddings, properties = split
    train = pd.DataFrame(
        {"targetid": [9], "z": [0.1], "log_mstar": [10.0], "age": [2.0], "only_train": [1.0]}
    )
    found = evaluate(embeddings, pd.concat([properties, train]), ["z", "only_train"])
    assert set(found["target"]) == {"z"}


def test_unknown_property_is_refused(split):
    with pytest.raises(ConfigError, match=r"names `log_mtsar`.*Did you mean `log_mstar`"):
        evaluate(*split, targets=["log_mtsar"])
