import numpy as np
import pandas as pd
import pytest

from galaxypair import photometry, tables, zeroshot
from galaxypair.errors import ConfigError

SETTINGS = {"seed": 1, "batch_size": 32, "learning_rate": 5e-3, "epochs": 40}


def make_properties(n=500, seed=1):
    """Galaxies whose z follows from their colour and whose mass from magnitude and z, as in the sky."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(0.05, 0.5, n)
    mag_r = rng.uniform(16, 20, n)
    table = pd.DataFrame({"targetid": np.arange(n) + 7, "z": z, "mag_r": mag_r})
    table["mag_g"], table["mag_z"] = mag_r + 0.4 + 2 * z, mag_r - 0.3 - z
    table["mag_w1"] = mag_r + 0.2 - 1.5 * z
    table["log_mstar"] = 10.5 - 0.4 * (mag_r - 18) + 4 * (z - 0.25)
    table["split"] = np.array(tables.SPLITS)[np.arange(n) % 10 // 8 + (np.arange(n) % 10 == 9)]
    return table


def evaluate(properties, **changes):
    return photometry.evaluate(properties, targets=["z", "log_mstar"], k=4, settings=SETTINGS | changes)


def r2(found, baseline, target):
    own = found[(found["baseline"] == baseline) & (found["target"] == target)]
    return 1 - np.mean((own["y_pred"] - own["y_true"]) ** 2) / np.var(own["y_true"])


def test_what_magnitudes_tell_is_found_by_all_four_for_the_test_split_alone():
    properties = make_properties()
    found, history = evaluate(properties)
    assert list(found.columns) == list(tables.BASELINE_COLUMNS)
    names = [f"photometry_{method}_{bands}" for bands in ("grz", "grzw1") for method in ("knn", "mlp")]
    assert list(found["baseline"].unique()) == names
    test = properties.loc[properties["split"] == "test"].set_index("targetid")
    for (_, target), own in found.groupby(["baseline", "target"]):
        assert own["targetid"].tolist() == test.index.tolist()
        assert own["y_true"].tolist() == test[target].tolist()
    for name in names:
        assert r2(found, name, "log_mstar") > 0.9, name
        assert r2(found, name, "z") > (0.9 if "mlp" in name else 0.5), name
    assert list(history.columns) == list(tables.PHOTOMETRY_HISTORY_COLUMNS)
    assert history.groupby("baseline")["kept"].sum().tolist() == [1, 1]


def test_values_of_the_test_split_shape_no_prediction():
    """Nor magnitudes of other test galaxies: scales are those of the train split."""
    properties = make_properties(200)
    changed = properties.copy()
    test = np.flatnonzero(properties["split"] == "test")
    changed.loc[test, ["z", "log_mstar"]] += 1
    changed.loc[test[1:], ["mag_g", "mag_r"]] += 2
    a, b = (evaluate(p, epochs=3)[0] for p in (properties, changed))
    first = a["targetid"] == properties["targetid"][test[0]]
    assert first.sum() == 8
    np.testing.assert_array_equal(a["y_pred"][first], b["y_pred"][first])


def test_neighbours_are_those_of_the_zero_shot_protocol_in_standardised_magnitudes():
    properties = make_properties(200)
    found, _ = evaluate(properties, epochs=1)
    own = found[(found["baseline"] == "photometry_knn_grz") & (found["target"] == "z")]
    train, test = (properties[properties["split"] == s] for s in ("train", "test"))
    names = ["mag_g", "mag_r", "mag_z"]
    mean, scatter = train[names].mean(), train[names].std(ddof=0)
    known, asked = (((part[names] - mean) / scatter).to_numpy() for part in (train, test))
    expected = zeroshot.predict(known, train[["z"]].to_numpy(), asked, 4)[:, 0]
    np.testing.assert_allclose(own["y_pred"], expected)


def test_same_seed_gives_the_same_predictions_and_another_others():
    properties = make_properties(200)
    a, b, c = (evaluate(properties, epochs=3, seed=seed)[0] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(a, b)
    assert not a["y_pred"].equals(c["y_pred"])


def test_galaxies_without_a_magnitude_are_left_out_and_counted(caplog):
    properties = make_properties(200)
    test = np.flatnonzero(properties["split"] == "test")
    properties.loc[test[0], "mag_w1"] = np.nan
    properties.loc[test[1], "mag_r"] = -999.0  # no magnitude, as failed fits have it
    caplog.set_level("INFO", "galaxypair")
    found, _ = evaluate(properties, epochs=2)
    assert found.groupby("baseline")["targetid"].nunique().tolist() == [19, 18, 19, 18]
    assert "photometry_*_grz: 199 of 200 galaxies have mag_g, mag_r, mag_z" in caplog.text
    assert "photometry_*_grzw1: 198 of 200 galaxies" in caplog.text


def test_property_that_fewer_galaxies_have_is_learned_on_those_alone():
    properties = make_properties()
    properties.loc[::3, "log_mstar"] = np.nan
    found, history = evaluate(properties)
    assert set(history["targets"]) == {"z", "log_mstar"}
    assert np.isfinite(found[["y_true", "y_pred"]]).all().all()
    n = found.groupby("target")["targetid"].nunique()
    assert n["z"] == 50
    assert (
        n["log_mstar"] == np.isfinite(properties.loc[properties["split"] == "test", "log_mstar"]).sum() < 50
    )
    assert r2(found, "photometry_mlp_grz", "log_mstar") > 0.9


@pytest.mark.parametrize("lost", ["columns", "values"])
def test_catalogue_without_magnitudes_gives_empty_tables(lost, caplog):
    properties = make_properties(100)
    names = [name for name in properties if name.startswith("mag_")]
    properties = (
        properties.drop(columns=names)
        if lost == "columns"
        else properties.assign(**{n: np.nan for n in names})
    )
    caplog.set_level("INFO", "galaxypair")
    found, history = evaluate(properties)
    assert len(found) == len(history) == 0
    assert list(found.columns) == list(tables.BASELINE_COLUMNS)
    assert "0 of 100 galaxies have mag_g" in caplog.text


def test_catalogue_without_w1_leaves_the_other_variant():
    found, _ = evaluate(make_properties(200).drop(columns="mag_w1"), epochs=2)
    assert set(found["baseline"]) == {"photometry_knn_grz", "photometry_mlp_grz"}


@pytest.mark.parametrize(("split", "left"), [("val", {"knn"}), ("test", set()), ("train", set())])
def test_method_without_its_galaxies_is_left_out_and_said(split, left, caplog):
    properties = make_properties(100)
    properties = properties[properties["split"] != split]
    found, _ = evaluate(properties, epochs=2)
    assert {name.split("_")[1] for name in found["baseline"]} == left
    assert ("too few for one method" in caplog.text) == bool(left)
    if split == "test":
        assert "too few for both methods" in caplog.text


def test_magnitude_is_not_predicted_from_itself():
    found, _ = photometry.evaluate(
        make_properties(200), targets=["z", "mag_w1"], k=4, settings=SETTINGS | {"epochs": 1}
    )
    assert found.groupby("target")["baseline"].unique().map(list).to_dict() == {
        "mag_w1": ["photometry_knn_grz", "photometry_mlp_grz"],
        "z": [f"photometry_{m}_{b}" for b in ("grz", "grzw1") for m in ("knn", "mlp")],
    }


def test_unknown_target_is_refused():
    with pytest.raises(ConfigError, match=r"`zeroshot\.targets` names `mass`"):
        photometry.evaluate(make_properties(50), targets=["mass"], k=4, settings=SETTINGS)


def test_weights_of_the_epoch_with_the_lowest_validation_loss_predict_not_the_last_ones():
    """Labels of the val split are turned around, so that no epoch is good and the last not the best."""
    rng = np.random.default_rng(1)
    known = rng.normal(size=(300, 3))
    labels = known[:, :1]
    fits = [
        photometry.train_mlp((known, labels), (known, -labels), known, SETTINGS | {"epochs": epochs})
        for epochs in range(1, 7)
    ]
    kept, losses = fits[-1]
    best = int(np.argmin(losses))
    assert best < 5
    np.testing.assert_array_equal(kept, fits[best][0])
    error = kept + labels
    assert np.mean(error**2) == pytest.approx(losses[best] * labels.var())
    assert losses[-1] > losses[best]
