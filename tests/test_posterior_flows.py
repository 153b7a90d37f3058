"""Posteriors by flows, on data whose posteriors are known."""

import numpy as np
import pytest
import torch
from factories_fewshot import FLOW, make_splits
from scipy.stats import norm

from galaxypair import posterior_flows, posterior_scores, tables
from galaxypair.conditional_flow import Posterior, PosteriorFlow
from galaxypair.errors import ConfigError
from galaxypair.labelled import Labelled, labelled_splits

NOISE = 0.3


@pytest.fixture(scope="module")
def made():
    splits, properties = make_splits({"train": 3000, "val": 600, "test": 2000}, noise=NOISE)
    for own in splits.values():  # two spaces less to train
        own.unit["spectrum"] = np.full_like(own.unit["spectrum"], np.nan)
    tables_made = posterior_flows.evaluate(splits, properties, targets=["z"], settings=FLOW)
    return *tables_made, properties.set_index("targetid")


def value(scores, metric):
    return scores.loc[scores["metric"] == metric, "value"].item()


def test_coverage_of_known_posteriors_is_right_within_3_percent(made):
    scores, *_ = made
    assert value(scores, "coverage_68") == pytest.approx(0.68, abs=0.03)
    assert value(scores, "coverage_95") == pytest.approx(0.95, abs=0.03)


def test_posteriors_are_those_that_made_the_data(made):
    scores, posteriors, _, properties = made
    mean = properties.loc[posteriors["targetid"], "mean"].to_numpy()
    assert np.abs(posteriors["q500"] - mean).mean() < 0.25 * NOISE
    width = (posteriors["q840"] - posteriors["q160"]).median()
    assert width == pytest.approx(NOISE * (norm.ppf(0.84) - norm.ppf(0.16)), rel=0.1)
    assert value(scores, "nll") == pytest.approx(np.log(NOISE) + 0.5 * np.log(2 * np.pi * np.e), abs=0.08)
    assert value(scores, "crps") == pytest.approx(NOISE / np.sqrt(np.pi), rel=0.06)
    assert value(scores, "chance_crps") > 1.5 * value(scores, "crps")


def test_tables_have_the_declared_columns(made):
    scores, posteriors, examples, _ = made
    assert tuple(scores.columns) == tables.METRIC_COLUMNS
    assert tuple(posteriors.columns) == tables.POSTERIOR_COLUMNS
    assert tuple(examples.columns) == tables.POSTERIOR_EXAMPLE_COLUMNS
    assert {*scores["protocol"]} == {"posterior_flow"} and {*scores["n"]} == {2000}
    assert len(posteriors) == 2000 and np.isfinite(posteriors.select_dtypes("number")).all(axis=None)
    inside = posteriors["y_true"].between(posteriors["q160"], posteriors["q840"])
    assert inside.mean() == pytest.approx(value(scores, "coverage_68"), abs=0.002)


def test_examples_are_densities_of_some_test_galaxies(made):
    _, posteriors, examples, _ = made
    assert examples["targetid"].nunique() == FLOW["examples"]
    for targetid, own in examples.groupby("targetid"):
        assert np.trapezoid(own["density"], own["y"]) == pytest.approx(1, abs=0.03)
        row = posteriors[posteriors["targetid"] == targetid]
        at_truth = np.interp(own["y_true"].iloc[0], own["y"], own["density"])
        assert at_truth == pytest.approx(np.exp(row["log_prob"].item()), rel=0.05)


def test_quantiles_shares_and_densities_belong_together():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(400, 3)).astype("f4")
    y = 70 + 5 * np.exp(x[:, 0] + 0.2 * rng.normal(size=400))  # skewed, in a unit of its own
    galaxies = Labelled(np.arange(400), x, y)
    posterior = Posterior(galaxies, galaxies, FLOW | {"epochs": 4}, "test")
    levels = np.array([0.003, 0.16, 0.5, 0.9, 0.999])
    quantiles = posterior.quantiles(x, levels)
    assert (np.diff(quantiles, axis=0) > 0).all()
    for level, own in zip(levels, quantiles, strict=True):
        np.testing.assert_allclose(posterior.share_below(x, own), level, atol=2e-3)
    step = 1e-2
    slope = (posterior.share_below(x, y + step) - posterior.share_below(x, y - step)) / (2 * step)
    # of a share in float32 differences are coarse: compare the whole
    assert np.corrcoef(slope, np.exp(posterior.log_prob(x, y)))[0, 1] > 0.99
    assert slope.sum() == pytest.approx(np.exp(posterior.log_prob(x, y)).sum(), rel=0.03)


def test_an_untrained_flow_is_the_normal_distribution_far_outside():
    flow = PosteriorFlow(2, transforms=3, bins=8, hidden=[8])
    x = torch.zeros(1, 2)
    with torch.no_grad():
        far = torch.tensor([8.0])
        assert float(flow.log_prob(x, far)) == pytest.approx(norm.logpdf(8.0), rel=1e-5)
        assert float(flow.share_below(x, -far)) == pytest.approx(norm.cdf(-8.0), rel=1e-3)


def test_recalibration_mends_the_width_of_a_flow_that_was_trained_badly():
    splits, properties = make_splits({"train": 300, "val": 2000, "test": 2000}, noise=NOISE, dim=20)
    own = next(labelled_splits(splits, properties, ["z"]))[2]
    settings = FLOW | {"learning_rate": 0.01, "epochs": 1, "batch_size": 20, "transforms": 1}
    posterior = Posterior(own["train"], own["val"], settings, "test")
    assert abs(float(posterior._flow.scale) - 1) > 0.1
    test = own["test"]
    calibrated = posterior.log_prob(test.x, test.y).mean()
    covered = posterior_scores.covered(posterior.share_below(test.x, test.y), 0.68).mean()
    posterior._flow.loc, posterior._flow.scale = torch.zeros(1), torch.ones(1)
    before = posterior_scores.covered(posterior.share_below(test.x, test.y), 0.68).mean()
    assert posterior.log_prob(test.x, test.y).mean() < calibrated
    assert abs(covered - 0.68) < abs(before - 0.68)


def test_properties_are_redshift_and_mass_unless_others_are_named():
    splits, properties = make_splits({"train": 60, "val": 20, "test": 20})
    properties["tage_mw"] = properties["z"] + 1
    settings = FLOW | {"epochs": 1}
    short = posterior_flows.evaluate(splits, properties, targets=None, settings=settings)
    assert {*short[1]["target"]} == {"z", "log_mstar"}
    named = posterior_flows.evaluate(splits, properties, targets=["tage_mw"], settings=settings)
    assert {*named[1]["target"]} == {"tage_mw"}
    with pytest.raises(ConfigError, match=r"`posterior_flow\.targets` names `colour`"):
        posterior_flows.evaluate(splits, properties, targets=["colour"], settings=settings)


def test_the_same_seed_gives_the_same_posteriors():
    splits, properties = make_splits({"train": 60, "val": 20, "test": 20})
    settings = FLOW | {"epochs": 2}
    one, two = (
        posterior_flows.evaluate(splits, properties, targets=["z"], settings=settings) for _ in range(2)
    )
    for first, second in zip(one, two, strict=True):
        assert first.equals(second)


def test_examples_have_all_properties_if_some_galaxies_do():
    splits, properties = make_splits({"train": 60, "val": 20, "test": 20})
    _, posteriors, _ = posterior_flows.evaluate(
        splits, properties, targets=None, settings=FLOW | {"epochs": 1}
    )
    chosen = posterior_flows.choose_examples(posteriors, 5, seed=1)
    counts = posteriors["targetid"].value_counts()
    assert len(chosen) == 5 and {*counts[chosen]} == {6}
    assert len(posterior_flows.choose_examples(posteriors, 500, seed=1)) == (counts == 6).sum()
