"""From files of embeddings to the report, without survey or training: `pytest -m dag`, minutes."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from factories import make_provabgs
from factories_embeddings import make_table, rep_arrays
from walk import SETTINGS, snakemake

from galaxypair import io, tables

REPO = Path(__file__).resolve().parents[2]
N = 120
USUAL = {key: SETTINGS[key] for key in ("zeroshot", "retrieval", "umap", "cluster", "gallery", "figures")}

pytestmark = pytest.mark.dag


def make_project(folder: Path, settings: dict) -> Path:
    shutil.copytree(REPO / "config", folder / "config")
    settings = USUAL | {"run": "tiny", "source": "embeddings", "split": {"train_fraction": 0.7}} | settings
    settings["zeroshot"] = {**USUAL["zeroshot"], "k": 4}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(settings))
    return folder


def test_published_pictures_embeddings_and_catalogue_are_scored_and_drawn(tmp_path):
    arrays = rep_arrays(tmp_path, N)
    np.savez(tmp_path / "embeddings-main.npz", **arrays)
    make_provabgs(tmp_path / "provabgs.hdf5", arrays["targetid"], arrays["redshifts"])
    settings = {
        "embeddings": {"path": str(tmp_path / "embeddings-main.npz")},
        "download": {"files": {"provabgs": {"path": str(tmp_path / "provabgs.hdf5")}}},
    }
    project = make_project(tmp_path / "project", settings)
    plan = snakemake(project, "-n")  # what the report's figures share with other runs is drawn in test_walk
    for rule in ("simulate", "preprocess", "train", "embed", "figure_training_curves"):
        assert not re.search(rf"^{rule} +\d", plan, re.MULTILINE), rule
    made = ("metrics/zeroshot.csv", "gallery/gallery.h5", "figures/mosaic_umap_image.pdf")
    targets = [f"results/tiny/{name}" for name in made]
    snakemake(project, *targets)
    results = project / "results" / "tiny"
    ledger = io.read_table(results / "dataset" / "ledger.parquet")
    assert len(ledger) == N
    assert ledger["kept"].all()
    scores = io.read_table(results / "metrics" / "zeroshot.csv")
    assert {"z", "log_mstar"} <= set(scores["target"])
    gallery = io.read_arrays(results / "gallery" / "gallery.h5")
    assert gallery["image"].shape[1:] == (112, 112, 3)
    assert np.isfinite(gallery["spectrum"]).all()
    assert "Nothing to be done" in snakemake(project, *targets)


def test_one_modality_without_catalogue_or_pictures_becomes_a_report(tmp_path):
    z = np.random.default_rng(1).uniform(0.05, 0.5, N)
    path = make_table(tmp_path / "own.parquet", np.arange(N), z)
    settings = {
        "embeddings": {"path": str(path), "modalities": ["spectrum"]},
        "download": {"files": {"provabgs": {"url": None}}},
    }
    project = make_project(tmp_path / "project", settings)
    snakemake(project)
    results = project / "results" / "tiny"
    scores = io.read_table(results / "metrics" / "zeroshot.csv")
    assert set(scores["target"]) == {"z"}
    assert set(scores["query"]) == set(scores["reference"]) == {"spectrum"}
    html = (results / "report.html").read_text(encoding="utf-8")
    assert "only redshifts are predicted" in html
    assert not list((results / "figures").glob("*mosaic*")) + list((results / "figures").glob("retrieval*"))
    assert not (results / "gallery").exists()
    assert "only redshifts are known" in (project / "logs" / "tiny" / "crossmatch.log").read_text()
    assert tables.SPACES[2] not in {p.stem.rpartition("_")[2] for p in (results / "projections").iterdir()}
