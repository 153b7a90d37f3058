"""Variants of an ablation: what they may change, and how they are told apart."""

import pytest
from test_config import DEFAULTS, SCHEMA

from galaxypair import config, trials
from galaxypair.errors import ConfigError


def ablated(variants, seeds=(42, 43)):
    settings = trials.merged(DEFAULTS, {"ablation": {"seeds": list(seeds)}})
    settings["ablation"]["variants"] = variants
    return settings


def test_overlays_are_merged_key_by_key_and_leave_both_alone():
    base, overlay = {"a": {"b": 1, "c": [1, 2]}, "d": None}, {"a": {"c": [3]}, "d": {"e": 2}}
    out = trials.merged(base, overlay)
    assert out == {"a": {"b": 1, "c": [3]}, "d": {"e": 2}}
    out["a"]["c"].append(4)
    out["d"]["e"] = 5
    assert overlay == {"a": {"c": [3]}, "d": {"e": 2}}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": None}


def test_variant_is_the_run_but_for_its_overlay():
    found = trials.variants(ablated({"adam": {"train": {"optimizer": "adam"}}}), SCHEMA)
    assert list(found) == ["as_configured", "adam"]
    assert found["adam"]["train"] == {**DEFAULTS["train"], "optimizer": "adam"}
    assert found["adam"]["model"] == DEFAULTS["model"]


def test_numbers_that_yaml_reads_as_text_are_numbers():
    found = trials.variants(ablated({"slow": {"train": {"learning_rate": "2e-4"}}}), SCHEMA)
    assert found["slow"]["train"]["learning_rate"] == 2e-4


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({"v": {"train": {"epocs": 3}}}, r"`ablation.variants.v`: .*\n.* did you mean `epochs`"),
        ({"v": {"train": {"batch_size": 0}}}, r"`ablation.variants.v`: .*\n.*`train.batch_size`: 0 is less"),
        ({"v": {"model": {"image": {"crop_px": 144}}}}, r"`ablation.variants.v`: .*\n.*`preprocess.crop_px`"),
        ({"v": {"train": {"seed": 7}}}, r"`ablation.variants.v` sets `train.seed`, but .*`ablation.seeds`"),
        ({"v": {"model": {"from_run": "x"}}}, r"`ablation.variants.v` sets `model.from_run`, but .* trained"),
        ({"v": {"train": {"optimizer": "adamw"}}}, r"`ablation.variants.v` differs in nothing"),
        ({"as_configured": {"train": {"epochs": 2}}}, r"this name is that of the run itself"),
    ],
)
def test_variant_that_cannot_be_trained_is_named(variants, message):
    config.check(ablated(variants), SCHEMA)
    with pytest.raises(ConfigError, match=message):
        trials.variants(ablated(variants), SCHEMA)


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({"a b": {"train": {"epochs": 2}}}, r"'a b', which is not allowed. It means: a name of letters"),
        ({"../x": {"train": {"epochs": 2}}}, r"'\.\./x', which is not allowed"),
        ({"v": {"preprocess": {"crop_px": 96}}}, r"unknown key `preprocess` in `ablation.variants.v`"),
        ({"v": {}}, r"`ablation.variants.v`: .* non-empty"),
        ({"v": None}, r"`ablation.variants.v` is null, expected a section"),
    ],
)
def test_shape_of_variants_is_that_of_the_schema(variants, message):
    with pytest.raises(ConfigError, match=message):
        config.check(ablated(variants), SCHEMA)


def test_every_variant_has_a_trial_per_seed_and_the_run_is_not_trained_twice():
    settings = ablated({"adam": {"train": {"optimizer": "adam"}}}, seeds=(43, DEFAULTS["train"]["seed"]))
    found = trials.trials(settings, SCHEMA)
    own = DEFAULTS["train"]["seed"]
    assert list(found) == ["", "ablation/as_configured-43/", "ablation/adam-43/", f"ablation/adam-{own}/"]
    assert found[""] == settings
    assert {name: c["train"]["seed"] for name, c in found.items() if name} == {
        "ablation/as_configured-43/": 43,
        "ablation/adam-43/": 43,
        f"ablation/adam-{own}/": own,
    }


def test_difference_is_told_from_the_settings():
    settings = ablated(
        {
            "v": {
                "train": {"optimizer": "adam", "gradient_clip": 1.0, "learnable_scale": True},
                "model": {"logit_scale": 2.740840023925201, "spectrum": {"head": "mlp"}},
            }
        }
    )
    told = trials.describe(settings, trials.variants(settings, SCHEMA)["v"])
    assert sorted(told.split("; ")) == [
        "model.logit_scale: 15.5 → 2.741",
        "model.spectrum.head: linear → mlp",
        "train.gradient_clip: null → 1",
        "train.learnable_scale: false → true",
        "train.optimizer: adamw → adam",
    ]
    assert trials.describe(settings, settings) == ""


@pytest.mark.parametrize(
    ("overlay", "comparable"),
    [
        ({"train": {"optimizer": "adam"}}, True),
        ({"model": {"embedding_dim": 64}}, True),
        ({"model": {"logit_scale": 2.74}}, False),
        ({"train": {"loss": "sigmoid"}}, False),
        ({"train": {"batch_size": 64}}, False),
        ({"train": {"learnable_scale": True}}, False),
    ],
)
def test_losses_compare_only_on_one_scale(overlay, comparable):
    assert trials.comparable_losses(DEFAULTS, trials.merged(DEFAULTS, overlay)) is comparable
