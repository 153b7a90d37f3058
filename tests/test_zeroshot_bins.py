"""Scores in bins: every galaxy in one bin, small bins said, and drawn at every size."""

import factories_detail
import numpy as np
import pandas as pd
import pytest
from factories_results import make_results
from test_figures_tables import check_sizes, texts

from galaxypair import io, metrics, tables, zeroshot, zeroshot_bins
from galaxypair.errors import DataError
from galaxypair.figures import bins
from galaxypair.protocols import OWN, Protocol


def binned(predictions, values, number=4, min_galaxies=10):
    scoring = zeroshot_bins.regression(20, np.random.default_rng(0))
    return zeroshot_bins.evaluate(predictions, values, scoring, bins=number, min_galaxies=min_galaxies)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = factories_detail.make_splits(tmp_path_factory.mktemp("survey"))
    made["predictions"] = zeroshot.evaluate(
        made, made["properties"], protocol=Protocol(OWN, 8),
        targets=None, bootstrap=10, rng=np.random.default_rng(0),
    ).predictions  # fmt: skip
    return made


def test_each_galaxy_is_in_one_bin_and_bins_are_equally_full(survey):
    rows = survey["predictions"]
    z = zeroshot_bins.property_values(rows, "z", survey["properties"], [])
    table = binned(rows, {"z": z})
    assert tuple(table.columns) == tables.BIN_COLUMNS
    one = table.query("metric == 'r2' and target == 'z' and reference == 'image' and query == 'spectrum'")
    assert one["n"].tolist() == [50, 50, 50, 50]
    assert (one["bin_low"].to_numpy()[1:] == one["bin_high"].to_numpy()[:-1]).all()
    assert one["bin_median"].between(one["bin_low"], one["bin_high"]).all()
    assert (one["bin_low"].iloc[0], one["bin_high"].iloc[-1]) == (z.min(), z.max())


def test_score_of_a_bin_is_that_of_its_galaxies(survey):
    rows = survey["predictions"]
    mag = zeroshot_bins.property_values(rows, "mag_r", survey["properties"], [])
    table = binned(rows, {"mag_r": mag})
    row = table.query("target == 'z' and reference == 'image' and query == 'image' and bin == 3").iloc[0]
    own = rows[(mag >= row["bin_low"]) & (rows["target"] == "z")].query(
        "reference == 'image' and query == 'image'"
    )
    expected = metrics.summarise(
        own["y_true"].to_numpy(), own["y_pred"].to_numpy(),
        relative=True, bootstrap=10, rng=np.random.default_rng(0),
    )  # fmt: skip
    found = table[(table["bin"] == 3) & (table["target"] == "z")]
    found = found.query("reference == 'image' and query == 'image'").set_index("metric")["value"]
    assert found.to_dict() == pytest.approx({name: value for name, (value, _, _) in expected.items()})


def test_small_bins_stand_there_without_score(survey, caplog):
    rows = survey["predictions"]
    z = zeroshot_bins.property_values(rows, "z", survey["properties"], [])
    table = binned(rows, {"z": z}, min_galaxies=40)
    mass, redshift = (table[table["target"] == target] for target in ("log_mstar", "z"))
    assert mass["value"].isna().all() and (mass["n"] > 0).all()
    assert redshift["value"].notna().all()
    assert "20 of 40 bins hold fewer than 40 galaxies" in caplog.text


def test_unknown_values_are_left_out_and_unknown_properties_said(survey, caplog):
    caplog.set_level("INFO")
    rows = survey["predictions"]
    mass = zeroshot_bins.property_values(rows, "log_mstar", survey["properties"], [])
    absent = zeroshot_bins.property_values(rows, "colour", survey["properties"], [])
    table = binned(rows, {"log_mstar": mass, "colour": absent})
    assert set(table["property"]) == {"log_mstar"}
    assert "log_mstar: known of 133 of 200 test galaxies" in caplog.text
    assert "No test galaxy has the property `colour`" in caplog.text
    with pytest.raises(DataError, match="No test galaxy has any of the properties colour"):
        binned(rows, {"colour": absent})


def test_distance_is_that_to_the_kth_reference_of_each_pair(survey):
    train, test = survey["train"], survey["test"]
    found = zeroshot_bins.reference_distance(train, test, k=3)
    assert len(found) == 5 * len(test.targetid)
    gaps = np.linalg.norm(train.unit["image"][None] - test.unit["spectrum"][:, None], axis=2)
    own = found.query("reference == 'image' and query == 'spectrum'")
    expected = np.sort(gaps, axis=1)[:, 2]
    np.testing.assert_allclose(own["reference_distance"], expected, atol=1e-3)
    values = zeroshot_bins.property_values(survey["predictions"], "reference_distance", None, [found])
    table = binned(survey["predictions"], {"reference_distance": values})
    edges = table.groupby(["reference", "query"])["bin_high"].max()
    assert edges.nunique() == 5  # each pair has its own
    assert (table.query("target == 'z'")["n"] == 50).all()


def test_distance_to_itself_is_refused(survey):
    test = survey["test"]
    with pytest.raises(DataError, match="200 galaxies are among both references and queries"):
        zeroshot_bins.reference_distance(test, test, k=3)


def test_values_that_many_galaxies_share_give_fewer_bins(survey, caplog):
    rows = survey["predictions"]
    kind = np.where(rows["targetid"] % 4 == 0, 1.0, 0.0)
    table = binned(rows, {"kind": kind})
    assert table["bin"].nunique() < 4
    assert "many galaxies share one value" in caplog.text
    one = table.query("metric == 'r2' and target == 'z' and reference == 'image' and query == 'image'")
    assert one["n"].sum() == 200


@pytest.mark.parametrize(("n", "min_galaxies"), [(64, 10), (64, 30), (2000, 30)])
def test_figure_at_every_size(tmp_path, n, min_galaxies):
    run = make_results(tmp_path, n=n, crop_px=4)
    rows = io.read_table(run / "metrics/zeroshot_predictions.parquet")
    properties = io.read_table(run / "crossmatch/properties.parquet")
    properties["spectrum_snr"] = np.random.default_rng(1).lognormal(1, 1, n)
    values = {k: zeroshot_bins.property_values(rows, k, properties, []) for k in ("z", "spectrum_snr")}
    if min_galaxies < n / 6:
        for name in values:
            figure = bins.panels(binned(rows, values, 6, min_galaxies), name)
            check_sizes(figure)
            assert ("left out" in texts(figure)) == (n == 64)
    else:
        assert "holds enough test galaxies" in texts(bins.panels(binned(rows, values, 6, 30), "z"))


def test_figure_of_a_property_that_no_galaxy_has_says_so(survey):
    z = zeroshot_bins.property_values(survey["predictions"], "z", survey["properties"], [])
    drawn = bins.panels(binned(survey["predictions"], {"z": z}), "mag_g")
    assert "No test galaxy has the property" in texts(drawn)


def test_scores_beyond_the_axis_are_arrows_at_its_edge():
    pairs = [(r, q) for r in tables.MODALITIES for q in tables.MODALITIES]
    rows = [
        ("z", i, i, i + 1, i + 0.5, "train_to_test", *pair, "z", metric, value, value - 0.1, value + 0.1, 50)
        for i in range(3)
        for pair in pairs
        for metric, value in (("r2", -7.0), ("nmad", 0.02), ("bias", 0.0), ("outlier_fraction", 0.1))
    ]
    figure = bins.panels(pd.DataFrame(rows, columns=tables.BIN_COLUMNS), "z")
    axes = figure.axes[0]
    arrows = [line for line in axes.lines if line.get_marker() == "v"]
    assert all((line.get_ydata() == bins.LOWEST_R2).all() and len(line.get_xdata()) == 3 for line in arrows)
    assert axes.get_ylim()[0] > -1
