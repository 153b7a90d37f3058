"""When a run plans to read redshifts off its encoders."""

from pathlib import Path

import pytest
import yaml

from galaxypair import pretrain, reading, tables

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture
def config():
    """Of a run that trains from scratch."""
    found = yaml.safe_load((REPO / "config" / "config.yaml").read_text(encoding="utf-8"))
    for modality in tables.MODALITIES:
        found["model"][modality]["pretrained"] = False
    return found


def reads(config, described=None):
    return reading.reads_redshifts(config, (described or {}).get)


def test_training_from_scratch_does_not_read_and_the_starter_does(config):
    assert not reads(config)
    config["model"]["from_run"] = "starter"
    assert reads(config)
    assert not reads(config | {"source": "embeddings"})


@pytest.mark.parametrize("modality", tables.MODALITIES)
def test_run_with_a_pretrained_encoder_reads_where_the_readout_holds(config, modality):
    part = config["model"][modality]
    part["pretrained"] = "starter"
    assert reads(config)
    part["pretrained"] = True
    assert not reads(config)
    config["pretrain"][modality]["objective"] = "simulator_truth"
    assert reads(config)
    part["frozen"] = False  # trained on, its readout is void
    assert not reads(config)


def test_weights_and_models_of_other_runs_say_themselves_whether_they_read(config):
    truth, other = (
        {"objective": pretrain.NAMES["image", name]} for name in ("simulator_truth", "self_supervised")
    )
    config["model"]["image"]["pretrained"] = "other"
    assert reads(config, {"other/pretrain/image": truth})
    assert not reads(config, {"other/pretrain/image": other})
    assert not reads(config)
    config["model"]["from_run"] = "another"
    told = {"frozen": ["image"], "pretrained": {"image": truth}}
    assert reads(config, {"another/model": told})
    assert not reads(config, {"another/model": told | {"frozen": []}})
    assert not reads(config, {"another/model": told | {"pretrained": {}}})
    assert not reads(config, {"other/pretrain/image": truth})
