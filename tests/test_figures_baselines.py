import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from test_figures_tables import check_sizes, texts

from galaxypair import captions, report, tables
from galaxypair.figures import baselines

REPO = Path(__file__).resolve().parents[1]
PHOTOMETRY = [f"photometry_{m}_{b}" for b in ("grz", "grzw1") for m in ("knn", "mlp")]
NETWORKS = [("resnet18_supervised", "image"), ("conv_attention_supervised", "spectrum")]


def make_scores(n=2000, targets=tables.TARGETS, networks=True, r2=0.6):
    """Scores whose intervals are as wide as those of n galaxies."""
    methods = [(name, "photometry", "photometry") for name in PHOTOMETRY]
    methods += [(name, reads, reads) for name, reads in NETWORKS if networks]
    methods += [("train_to_test_common", r, q) for q in tables.MODALITIES for r in tables.MODALITIES]
    rng, half = np.random.default_rng(1), 2 / np.sqrt(n)
    rows = []
    for target in targets:
        for method in methods:
            value = r2 + 0.2 * rng.normal()
            rows.append((*method, target, "r2", value, value - half, value + half, n))
            rows.append((*method, target, "nmad", 0.1, 0.1 * (1 - half), 0.1 * (1 + half), n))
            rows.append((*method, target, "bias", 0.0, -0.1, 0.1, n))
    return pd.DataFrame(rows, columns=tables.METRIC_COLUMNS)


def panels(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


@pytest.mark.parametrize("n", [64, 2000, 40000])
@pytest.mark.parametrize("targets", [("z",), ("z", "log_mstar"), tables.TARGETS[:4], tables.TARGETS])
def test_all_panels_fit_on_the_page_and_tell_their_galaxies(n, targets):
    figure = baselines.scores(make_scores(n, targets))
    check_sizes(figure)
    assert figure.get_size_inches()[0] < 7.1
    assert figure.get_size_inches()[1] < 9
    shown = panels(figure)
    assert len(shown) == 2 * len(targets)
    assert all(len(axes.containers) == 10 for axes in shown)
    assert f"{n:,} test galaxies" in texts(figure)


def test_labels_beside_each_other_do_not_overlap():
    figure = baselines.scores(make_scores())
    figure.draw_without_rendering()
    for axes in panels(figure):
        boxes = [t.get_window_extent() for t in axes.get_yticklabels() if t.get_visible() and t.get_text()]
        boxes.sort(key=lambda box: box.y0)
        assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(boxes))
    titles = [axes.title.get_window_extent() for axes in panels(figure) if axes.get_title()]
    assert not any(a.overlaps(b) for i, a in enumerate(titles) for b in titles[:i])


def test_units_of_the_scatter_are_told():
    shown = texts(baselines.scores(make_scores(targets=("z", "log_mstar", "tage_mw", "halo"))))
    for unit in (r"\Delta z", "[dex]", "[Gyr]"):
        assert unit in shown


def test_score_far_below_zero_is_an_arrow_at_the_edge():
    table = make_scores(targets=("z",))
    worst = (table["protocol"] == PHOTOMETRY[0]) & (table["metric"] == "r2")
    table.loc[worst, ["value", "low", "high"]] = [-40.0, -50.0, -30.0]
    figure = baselines.scores(table)
    check_sizes(figure)
    axes = panels(figure)[0]
    assert len(axes.containers) == 9
    assert "<" in [line.get_marker() for line in axes.lines]
    assert axes.get_xlim()[0] > -0.6


def test_numbers_of_galaxies_that_differ_are_given_for_each_property():
    table = pd.concat([make_scores(64, ("z",)), make_scores(40, ("log_mstar",))])
    shown = texts(baselines.scores(table))
    assert "40\N{EN DASH}64 test galaxies" in shown
    assert "n = 64" in shown
    assert "n = 40" in shown


def test_photometry_alone_is_drawn_without_networks():
    shown = texts(baselines.scores(make_scores(networks=False)))
    assert "MLP: g, r, z, W1" in shown
    assert "ResNet" not in shown


def test_undefined_scores_and_empty_tables_say_so():
    table = make_scores()
    assert "Nothing to compare" in texts(baselines.scores(table.iloc[:0]))
    assert "Nothing to compare" in texts(baselines.scores(table.assign(value=np.nan)))


@pytest.mark.parametrize("which", ["photometry", "all"])
def test_caption_tells_the_epochs_of_what_is_shown(which):
    settings = yaml.safe_load((REPO / "config" / "config.yaml").read_text(encoding="utf-8"))
    settings["baselines"]["epochs"] = {"photometry": 71, "resnet18": 72, "conv_attention": 73}
    section, name, wildcards = report.recognise(f"baselines_{which}")
    template = (REPO / "workflow" / "report" / f"{name}.rst").read_text(encoding="utf-8")
    text = captions.fill(template, settings, wildcards, "")
    assert section == "Baselines"
    assert "of 71 epochs" in text
    assert ("of 72 epochs" in text) == ("of 73 epochs" in text) == (which == "all")
