"""Zero-shot: parity with scikit-learn, no leaks, and galaxies that lack something."""

import factories
import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from galaxypair import io, tables, zeroshot
from galaxypair.errors import ConfigError, DataError
from galaxypair.properties import choose_targets, target_values
from galaxypair.protocols import OWN, PAIRS, Protocol


@pytest.fixture
def survey(tmp_path):
    rng = np.random.default_rng(3)
    z = rng.uniform(0.05, 0.5, 300)
    ids = np.arange(300)
    parts = []
    for split, rows in (("train", slice(0, 200)), ("test", slice(200, 300))):
        path = tmp_path / f"{split}.parquet"
        seed = rows.start
        parts.append(
            io.read_embeddings(factories.make_embeddings(path, ids[rows], z[rows], split=split, seed=seed))
        )
    properties = pd.DataFrame({"targetid": ids, "split": "test", "z": z.astype("f4"), "matched": True})
    properties["log_mstar"] = 9 + 4 * z
    properties.loc[::3, "log_mstar"] = np.nan
    return (*parts, properties)


def run(train, test, properties, protocol, *, targets=None, val=None) -> zeroshot.Result:
    splits = {"train": train, "val": val, "test": test}
    rng = np.random.default_rng(0)
    return zeroshot.evaluate(splits, properties, protocol=protocol, targets=targets, bootstrap=20, rng=rng)


def evaluate(train, test, properties, targets=None, k=16):
    result = run(train, test, properties, Protocol(OWN, k), targets=targets)
    return result.scores, result.predictions


def first(embeddings, n) -> io.Embeddings:
    raw, unit = ({m: v[:n] for m, v in part.items()} for part in (embeddings.raw, embeddings.unit))
    return io.Embeddings(embeddings.targetid[:n], raw, unit)


def replace(embeddings, rows, modality, value) -> io.Embeddings:
    unit = {m: v.copy() for m, v in embeddings.unit.items()}
    unit[modality][rows] = value
    return io.Embeddings(embeddings.targetid, embeddings.raw, unit)


@pytest.mark.parametrize("weights", ["distance", "uniform"])
@pytest.mark.parametrize("vectors", ["unit", "raw", "standardised"])
def test_predictions_agree_with_scikit_learn_to_1e_10(survey, weights, vectors):
    train, test, properties = survey
    protocol = Protocol("parity", 16, weights=weights, vectors=vectors)
    predictions = run(train, test, properties, protocol).predictions
    groups = predictions.groupby(["reference", "query", "target"], observed=True)
    assert len(groups) == len(PAIRS) * 2
    sides = {}
    for m in tables.MODALITIES:
        known, asked = (part.unit[m] if vectors == "unit" else part.raw[m] for part in (train, test))
        if vectors == "standardised":
            scaler = StandardScaler().fit(known.astype("f8"))
            known, asked = (scaler.transform(part.astype("f8")) for part in (known, asked))
        sides[m] = known, asked
    scale = np.float32(np.sqrt(2))
    sides["both"] = tuple(np.hstack(parts) / scale for parts in zip(*sides.values(), strict=True))
    for (reference, query, target), part in groups:
        label = properties.set_index("targetid")[target]
        labelled = np.isfinite(label.loc[train.targetid].to_numpy())
        asked = np.isfinite(label.loc[test.targetid].to_numpy())
        regressor = KNeighborsRegressor(n_neighbors=16, weights=weights)
        known = sides[reference][0][labelled].astype("f8")
        regressor.fit(known, label.loc[train.targetid[labelled]].astype("f8"))
        expected = regressor.predict(sides[query][1][asked].astype("f8"))
        np.testing.assert_array_equal(part["targetid"], test.targetid[asked])
        np.testing.assert_allclose(part["y_pred"], expected, rtol=1e-10)
        np.testing.assert_allclose(part["y_true"], label.loc[part["targetid"]])


def test_neighbours_by_hand():
    references = np.array([[1, 0], [0, 1], [-1, 0]], "f4")
    query = np.array([[0.6, 0.8]], "f4")
    near, far = np.sqrt(0.4), np.sqrt(0.8)  # to (0, 1) and (1, 0)
    expected = (10 / far + 20 / near) / (1 / far + 1 / near)
    result = zeroshot.predict(references, np.array([[10.0], [20.0], [99.0]]), query, k=2)
    assert result[0, 0] == pytest.approx(expected, rel=1e-6)


def test_redshift_is_found_across_modalities_and_nothing_in_shuffled_labels(survey):
    train, test, properties = survey
    scores, _ = evaluate(train, test, properties, targets=["z"])
    assert (scores.query("metric == 'r2'")["value"] > 0.9).all()
    shuffled = properties.assign(z=np.random.default_rng(1).permutation(properties["z"]))
    scores, _ = evaluate(train, test, shuffled, targets=["z"])
    assert (scores.query("metric == 'r2'")["value"] < 0.1).all()


def test_scores_have_the_columns_of_the_contract_and_ordered_intervals(survey):
    scores, predictions = evaluate(*survey)
    assert tuple(scores.columns) == tables.METRIC_COLUMNS
    assert set(scores["metric"]) == {"r2", "nmad", "bias", "outlier_fraction"}
    assert (scores["low"] <= scores["high"]).all()
    assert scores.query("target == 'z'")["n"].eq(100).all()
    n_mass = np.isfinite(survey[2]["log_mstar"][200:]).sum()
    assert scores.query("target == 'log_mstar'")["n"].eq(n_mass).all()
    assert len(predictions) == 5 * (100 + n_mass)


def test_redshift_errors_are_relative_and_those_of_mass_are_not(survey):
    scores, predictions = evaluate(*survey)
    one = "reference == 'image' and query == 'spectrum' and target == '{}'"
    for target, scale in (("z", 1), ("log_mstar", 0)):
        part = predictions.query(one.format(target))
        error = (part["y_pred"] - part["y_true"]) / (1 + scale * part["y_true"])
        bias = scores.query(one.format(target)).set_index("metric")["value"]["bias"]
        assert bias == pytest.approx(np.median(error))


def merge(one, other) -> io.Embeddings:
    raw, unit = (
        {m: np.concatenate([a[m], b[m]]) for m in tables.MODALITIES}
        for a, b in ((one.raw, other.raw), (one.unit, other.unit))
    )
    return io.Embeddings(np.concatenate([one.targetid, other.targetid]), raw, unit)


def test_query_among_the_references_stops(survey):
    train, test, properties = survey
    with pytest.raises(DataError, match=r"100 galaxies .*`train_to_test` \(TARGETID 200, 201, 202, \.\.\.\)"):
        evaluate(merge(train, test), test, properties)


@pytest.mark.parametrize("other", ["train", "test"])
def test_validation_galaxy_in_another_split_stops(survey, other):
    train, test, properties = survey
    leaked = first(train if other == "train" else test, 1)
    with pytest.raises(DataError, match=rf"1 galaxies are among both the {other} and the validation split"):
        run(train, test, properties, Protocol(OWN, (4, 16)), val=leaked)


def test_galaxies_without_a_modality_are_left_out_there_alone(survey):
    train, test, properties = survey
    test = replace(test, slice(0, 10), "image", np.nan)
    train = replace(train, slice(0, 50), "spectrum", np.nan)
    scores, predictions = evaluate(train, test, properties, targets=["z"])
    n = scores.query("metric == 'r2'").set_index(["reference", "query"])["n"]
    assert n["image"].to_dict() == {"image": 90, "spectrum": 100}
    assert n["spectrum"].to_dict() == {"image": 90, "spectrum": 100}
    assert n["both"].to_dict() == {"both": 90}
    assert np.isfinite(predictions["y_pred"]).all()


def test_default_targets_are_the_physical_ones_that_have_values(survey):
    properties = survey[2].assign(
        ra=1.0, mag_r=17.0, tsnr2_bgs=5.0, z_mw=0.01, avg_sfr=np.nan, is_bgs_bright=1.0
    )
    assert choose_targets(properties, None) == ["z", "log_mstar", "log_z_mw"]


def test_log_targets_are_derived_and_undefined_logarithms_left_out():
    properties = pd.DataFrame({"avg_sfr": [100.0, 0.0, -999.0, np.inf], "log_mstar": [10.0, 10, 10, 10]})
    np.testing.assert_array_equal(target_values(properties, "log_avg_sfr"), [2, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(target_values(properties, "log_ssfr"), [-8, np.nan, np.nan, np.nan])


def test_published_codes_ratio_with_metallicity_has_a_name_of_its_own():
    properties = pd.DataFrame({"avg_sfr": [2.0, 2.0, 0.0], "z_mw": [0.01, np.nan, 0.01], "log_mstar": 10.0})
    found = target_values(properties, "ln_avg_sfr_over_z_mw")
    np.testing.assert_allclose(found, [np.log(2.0) - np.log(0.01), np.nan, np.nan])
    assert "ln_avg_sfr_over_z_mw" not in choose_targets(properties, None)
    assert choose_targets(properties, ["ln_avg_sfr_over_z_mw"]) == ["ln_avg_sfr_over_z_mw"]


def test_own_column_can_be_named(survey):
    train, test, properties = survey
    scores, _ = evaluate(train, test, properties.assign(bulge=properties["z"] ** 2), targets=["bulge"])
    assert set(scores["target"]) == {"bulge"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("log_mstr", "Did you mean `log_mstar`"),
        ("split", "names `split`"),
        ("nonsense_xyz", "It has values of: "),
    ],
)
def test_target_that_cannot_be_had_is_refused(survey, name, message):
    with pytest.raises(ConfigError, match=message):
        evaluate(*survey, targets=["z", name])


def test_too_few_references_for_one_target_leave_it_out(survey, caplog):
    train, test, properties = survey
    properties = properties.assign(rare=np.where(np.arange(300) % 30 == 0, 1.0, np.nan))
    scores, _ = evaluate(train, test, properties, targets=["z", "rare"])
    assert set(scores["target"]) == {"z"}
    assert "too few galaxies have rare" in caplog.text


def test_as_many_references_as_neighbours_are_enough(survey):
    scores, _ = evaluate(*survey, k=200)
    assert set(scores["target"]) == {"z"}


def test_galaxies_without_a_row_of_properties_have_no_label(survey, caplog):
    train, test, properties = survey
    scores, _ = evaluate(train, test, properties[:-5], targets=["z"])
    assert scores["n"].eq(95).all()
    assert "5 galaxies have an embedding but no row of properties" in caplog.text


def test_too_few_references_for_every_target_stop(survey):
    with pytest.raises(DataError, match=r"no property \(z, log_mstar\) is known for 201 references"):
        evaluate(*survey, k=201)


def test_survey_without_any_labels_stops(survey):
    train, test, properties = survey
    with pytest.raises(DataError, match="none has values"):
        evaluate(train, test, properties.assign(z=np.nan, log_mstar=np.nan))


def split_validation(train) -> tuple[io.Embeddings, io.Embeddings]:
    rows = np.arange(len(train.targetid)) % 4 == 0
    parts = []
    for use in (~rows, rows):
        raw, unit = ({m: v[use] for m, v in part.items()} for part in (train.raw, train.unit))
        parts.append(io.Embeddings(train.targetid[use], raw, unit))
    return tuple(parts)


def test_k_is_chosen_on_validation_galaxies_alone(survey):
    train, test, properties = survey
    train, val = split_validation(train)
    noisy = properties.assign(z=properties["z"] + np.random.default_rng(5).normal(0, 0.05, len(properties)))
    noisy = noisy.drop(columns="log_mstar")
    chosen = run(train, test, noisy, Protocol(OWN, (1, 100, 12)), val=val)
    assert chosen.k == 12 == min(chosen.validation, key=chosen.validation.get)
    assert set(chosen.validation) == {1, 100, 12}
    fixed = run(train, test, noisy, Protocol(OWN, 12))
    pd.testing.assert_frame_equal(chosen.scores, fixed.scores)
    by_hand = []
    for reference, query in PAIRS:
        side = train.unit | {"both": np.hstack(list(train.unit.values()))}
        asked = val.unit | {"both": np.hstack(list(val.unit.values()))}
        label = noisy.set_index("targetid")["z"]
        regressor = KNeighborsRegressor(n_neighbors=12, weights="distance").fit(
            side[reference], label[train.targetid]
        )
        by_hand.append(1 - regressor.score(asked[query], label[val.targetid]))
    assert chosen.validation[12] == pytest.approx(np.exp(np.mean(np.log(by_hand))), rel=1e-5)
    # what the test galaxies are has no say
    shuffled = noisy.assign(z=np.where(np.isin(noisy["targetid"], test.targetid), 0.3, noisy["z"]))
    assert run(train, test, shuffled, Protocol(OWN, (1, 100, 12)), val=val).validation == chosen.validation


def test_candidates_beyond_the_references_are_no_choice(survey):
    train, test, properties = survey
    train, val = split_validation(train)
    chosen = run(train, test, properties, Protocol(OWN, (4, 10_000)), val=val)
    assert chosen.k == 4 and set(chosen.validation) == {4}


def test_without_validation_galaxies_the_first_k_is_used_and_said(survey, caplog):
    train, test, properties = survey
    chosen = run(train, test, properties, Protocol(OWN, (16, 4)), val=first(train, 0))
    assert chosen.k == 16 and chosen.validation == {}
    assert "No validation galaxy to choose k by: 16" in caplog.text


def test_one_modality_alone_gives_one_pair(survey, recwarn):
    train, test, properties = survey
    alone = (replace(part, slice(None), "image", np.nan) for part in (train, test))
    scores, _ = evaluate(*alone, properties)
    assert set(zip(scores["reference"], scores["query"], strict=True)) == {("spectrum", "spectrum")}
