"""Pretraining in the plan: of this run, of another one, or of none."""

import re

import pytest

PRETRAINED = "model={image: {pretrained: %s}, spectrum: {pretrained: %s}}"


def planned(done, rule):
    found = re.search(rf"^{rule} +(\d+)", done.stdout, re.MULTILINE)
    return int(found[1]) if found else 0


def test_nothing_is_pretrained_unless_asked_for(snakemake):
    done = snakemake("-n")
    assert done.returncode == 0, done.stdout
    assert planned(done, "pretrain") == 0
    assert planned(done, "features") == 2  # of the starter's encoders
    assert "starter/pretrain/image/model.safetensors" in done.stdout


def test_nothing_comes_from_the_starter_if_it_is_not_wanted(snakemake):
    done = snakemake("-n", "--config", PRETRAINED % ("false", "false"))
    assert done.returncode == 0, done.stdout
    assert planned(done, "pretrain") == planned(done, "features") == 0
    assert "starter/pretrain" not in done.stdout


@pytest.mark.parametrize("modality", ["image", "spectrum"])
def test_either_encoder_can_be_pretrained_for_its_own_sake(snakemake, modality):
    done = snakemake("-n", f"results/demo/pretrain/{modality}/model.safetensors")
    assert done.returncode == 0, done.stdout
    assert planned(done, "pretrain") == 1 and planned(done, "train") == 0


@pytest.mark.parametrize("chosen", ["true", "demo"])
def test_pretrained_encoders_are_frozen_and_their_features_stored(snakemake, chosen):
    done = snakemake("-n", "--config", PRETRAINED % (chosen, chosen))
    assert done.returncode == 0, done.stdout
    assert planned(done, "pretrain") == 2 and planned(done, "features") == 2
    assert "results/demo/pretrain/image/model.safetensors" in done.stdout


def test_pretrained_encoder_can_be_where_training_starts(snakemake):
    done = snakemake(
        "-n", "--config", "model={image: {pretrained: true, frozen: false}, spectrum: {pretrained: false}}"
    )
    assert done.returncode == 0, done.stdout
    assert planned(done, "pretrain") == 1 and planned(done, "features") == 0


def test_encoder_of_another_run_is_taken_if_it_is_there(snakemake, project):
    path = project / "results" / "first" / "pretrain" / "spectrum" / "model.safetensors"
    chosen = PRETRAINED % ("false", "first")
    done = snakemake("-n", "--config", chosen)
    assert done.returncode == 1
    assert "`results/first/pretrain/spectrum/model.safetensors`: no such file, but" in done.stdout
    assert "Traceback" not in done.stdout
    path.parent.mkdir(parents=True)
    path.touch()
    done = snakemake("-n", "--config", chosen)
    assert done.returncode == 0, done.stdout
    assert planned(done, "pretrain") == 0 and planned(done, "features") == 2


def test_published_encoder_that_is_pretrained_here_is_not_fetched(snakemake):
    done = snakemake("-n", "--config", "model={spectrum: {encoder: spender, pretrained: true}}")
    assert done.returncode == 0, done.stdout
    assert planned(done, "pretrain") == 1 and planned(done, "weights") == 0


@pytest.mark.parametrize("source", ["simulate", "ingest"])
def test_stream_takes_the_stellar_library_and_no_survey(snakemake, source):
    target = "results/demo/pretrain/spectrum/model.safetensors"
    stream = "pretrain={stream: {galaxies: 100000}}"
    done = snakemake("-n", target, "--config", "run=demo", f"source={source}", stream)
    assert done.returncode == 0, done.stdout
    assert planned(done, "pretrain") == planned(done, "stellar_library") == 1
    assert planned(done, "total") == 2


def test_stream_that_is_no_whole_number_of_rounds_is_refused(snakemake):
    done = snakemake("-n", "--config", "pretrain={stream: {galaxies: 12345}}")
    assert done.returncode == 1
    assert "no multiple of the `round_galaxies` of 10000; choose 20000" in done.stdout
