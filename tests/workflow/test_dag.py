"""Parts of the workflow on a few galaxies, from each of its sources: `pytest -m dag`, minutes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from checkpoint_factories import make_rep, make_spender, make_stein
from factories import make_joint, make_provabgs
from walk import REPO, SETTINGS, snakemake

from galaxypair import io, tables

pytestmark = pytest.mark.dag


def published(joint: Path, provabgs: Path) -> dict:
    """The config's section for files that the user has."""
    return {"files": {"joint": {"path": str(joint)}, "provabgs": {"path": str(provabgs)}}}


def test_published_layout_runs_from_download_to_ledger(project):
    joint = make_joint(project / "published.h5", n_per_group=10, groups=10)
    targetid = np.concatenate([block.targetid for block in io.iter_joint(joint)])
    make_provabgs(project / "provabgs.h5", targetid, np.full(len(targetid), 0.1))
    settings = {
        "run": "published",
        "source": "download",
        "download": published(joint, project / "provabgs.h5"),
    }
    (project / "published.yaml").write_text(yaml.safe_dump(settings))
    target = "results/published/crossmatch/properties.parquet"
    snakemake(project, target, settings="published.yaml")
    assert len(io.read_table(project / target)) == 100


def test_published_checkpoint_embeds_the_survey_without_training(project):
    make_rep(project / "rep.ckpt")
    overlay = yaml.safe_load((REPO / "config" / "rep_checkpoint.yaml").read_text())
    settings = {**SETTINGS, **overlay, "run": "rep", "source": "simulate", "simulate": {"n_galaxies": 30}}
    settings["model"]["from_checkpoint"] = "rep.ckpt"
    (project / "rep.yaml").write_text(yaml.safe_dump(settings))
    # the report of such a run differs by a sentence, which test_report.py looks for
    printed = snakemake(project, "results/rep/model/README.md", settings="rep.yaml")
    assert "rule import_checkpoint:" in printed
    assert "rule train:" not in printed
    embeddings = io.read_embeddings(project / "results" / "rep" / "embeddings" / "test.parquet")
    assert (
        embeddings.raw["image"].shape == embeddings.raw["spectrum"].shape == (len(embeddings.targetid), 128)
    )
    assert all(np.isfinite(embeddings.raw[m]).all() for m in tables.MODALITIES)


def test_heads_of_the_recipe_are_trained_on_the_features_of_published_encoders(project):
    weights = {
        "stein_resnet50": make_stein(project / "stein.ckpt"),
        "spender": make_spender(project / "s.pt"),
    }
    overlay = yaml.safe_load((REPO / "config" / "rep.yaml").read_text())
    settings = {**SETTINGS, **overlay, "run": "heads", "source": "simulate", "simulate": {"n_galaxies": 60}}
    settings["download"] = {"files": {k: {"path": str(v), "sha256": None} for k, v in weights.items()}}
    settings |= {"split": {"val_fraction": 0.3}}  # of so few some are in it
    settings["train"] |= {"epochs": 2, "batch_size": 8, "views": 2}
    (project / "heads.yaml").write_text(yaml.safe_dump(settings))
    target = "results/heads/embeddings/test.parquet"
    printed = snakemake(project, target, settings="heads.yaml")
    assert "rule features:" in printed
    results = project / "results" / "heads"
    found = io.read_arrays(results / "features" / "train.h5")
    assert found["image"].shape[1:] == (2, 2048) and found["spectrum"].shape[1:] == (1, 256)
    embeddings = io.read_embeddings(results / "embeddings" / "test.parquet")
    assert all(np.isfinite(embeddings.raw[m]).all() for m in tables.MODALITIES)
    assert "stein_resnet50" in (results / "model" / "config.json").read_text(encoding="utf-8")
    plan = snakemake(project, target, "-n", "--config", "train={epochs: 3}", settings="heads.yaml")
    assert "rule train:" in plan and "rule features:" not in plan


def test_damaged_survey_stops_with_what_to_do(project):
    settings = {
        "run": "damaged",
        "source": "download",
        "download": published(project / "damaged.h5", project / "damaged.h5"),
    }
    (project / "damaged.yaml").write_text(yaml.safe_dump(settings))
    (project / "damaged.h5").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--directory", project]
    command += ["results/damaged/dataset/ledger.parquet", "--configfile", project / "damaged.yaml"]
    done = subprocess.run(list(map(str, command)), cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "damaged.h5`: cannot be opened as HDF5" in done.stderr
    assert "Traceback" not in done.stderr
