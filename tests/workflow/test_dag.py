"""The whole workflow on a survey of some hundred galaxies: `pytest -m dag`, minutes.

Under `--use-conda`, with a stand-in for conda, where this machine has the Python that the environments name.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import conda_standin
import numpy as np
import pytest
import yaml
from checkpoint_factories import make_rep, make_spender, make_stein
from factories import make_joint, make_provabgs

from galaxypair import io, tables

REPO = Path(__file__).resolve().parents[2]
SETTINGS = {
    "run": "tiny",
    "simulate": {"n_galaxies": 300},
    "preprocess": {"shard_rows": 100},
    "train": {"epochs": 1, "batch_size": 64},
    "zeroshot": {"bootstrap": 20},
    "retrieval": {"bootstrap": 20, "recall_at": [1, 10]},
    "umap": {"n_neighbors": 5},
    "cluster": {"kmeans_k": [2, 3], "dbscan_min_samples": 3},
    "gallery": {"examples": 3, "mosaic_cells": 4},
    "figures": {"dpi": 50},
}
# two processes, so that those which a job starts are seen in their environment, too
WHOLE = {**SETTINGS, "train": {**SETTINGS["train"], "accelerator": "cpu", "devices": 2}}
WITH_CONDA = "with-conda"  # file that marks a project whose jobs run in environments of their own
ENVIRONMENTS = {  # of one rule of each that a plain run needs
    "simulate": "survey",
    "preprocess": "analysis",
    "train": "train",
    "umap_both": "analysis",
    "figure_umap_redshift": "figures",
    "report": "figures",
}
FILES = [
    *("survey/joint.h5", "survey/provabgs.hdf5", "dataset/manifest.json", "dataset/ledger.parquet"),
    *("dataset/shard-00000.h5", "dataset/shard-00001.h5"),
    *("dataset/leaks.csv", "dataset/leaks_pairs.parquet"),
    *("model/model.safetensors", "model/config.json", "model/history.csv", "model/README.md"),
    "model/throughput.csv",
    *("embeddings/train.parquet", "embeddings/test.parquet"),
    *("crossmatch/properties.parquet", "crossmatch/losses.csv"),
    *("metrics/zeroshot.csv", "metrics/zeroshot_predictions.parquet"),
    *("metrics/retrieval.csv", "metrics/retrieval_neighbours.parquet"),
    *(f"projections/umap_{space}.parquet" for space in tables.SPACES),
    *(f"clusters/{kind}_{space}.parquet" for kind in tables.CLUSTER_METHODS for space in tables.SPACES),
    *("figures/zeroshot_redshift.pdf", "figures/zeroshot_redshift.png", "figures/umap_redshift.pdf"),
    "report.html",
]

pytestmark = pytest.mark.dag


def snakemake(project: Path, *options: object, settings: str = "tiny.yaml") -> str:
    """Run Snakemake in a project; fail with all that it printed."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--directory", project]
    command += [*options, "--configfile", project / settings]
    environment = dict(os.environ)
    if (project / WITH_CONDA).exists():
        command += ["--use-conda"]
        environment["PATH"] = conda_standin.search_path()
    done = subprocess.run(
        list(map(str, command)),
        cwd=REPO,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(done.stdout)
    return done.stdout


def published(joint: Path, provabgs: Path) -> dict:
    """The config's section for files that the user has."""
    return {"files": {"joint": {"path": str(joint)}, "provabgs": {"path": str(provabgs)}}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(REPO / "config", folder / "config")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(WHOLE))
    if not conda_standin.missing_pythons():
        (folder / WITH_CONDA).touch()
    snakemake(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def results(project: Path) -> Path:
    return project / "results" / "tiny"


def test_every_file_of_the_walk_is_made(results):
    assert [name for name in FILES if not (results / name).is_file()] == []
    assert [str(path) for path in results.rglob("*.part*")] == []


@pytest.mark.conda
def test_every_job_ran_in_an_environment_and_in_that_of_its_rule(project):
    if missing := conda_standin.missing_pythons():
        pytest.skip(f"no Python {missing[0]} on this machine, which envs/*.yaml ask for")
    names = {path.read_bytes(): path.stem for path in (REPO / "envs").glob("*.yaml")}
    of_prefix = {
        str(made.with_suffix("")): names[made.read_bytes()]
        for made in (project / ".snakemake" / "conda").glob("*_.yaml")  # beside its environment
    }
    ran_in = {}
    for log in (project / "logs" / "tiny").glob("*.log"):
        prefix = re.search(r"Python 3\.\d+\.\d+ in (.+)", log.read_text())
        ran_in[log.stem] = of_prefix[prefix[1]]
    assert ran_in.items() >= ENVIRONMENTS.items()


def test_every_galaxy_is_kept_or_has_a_reason(results):
    ledger = io.read_table(results / "dataset" / "ledger.parquet")
    assert list(ledger.columns) == list(tables.LEDGER_COLUMNS)
    assert len(ledger) == sum(io.check_joint(results / "survey" / "joint.h5").values())
    assert ((ledger["reason"] == "") == ledger["kept"]).all()
    assert set(ledger["reason"]) <= {"", *tables.REASONS}
    manifest = io.read_manifest(results / "dataset" / "manifest.json")
    in_shards = sum(len(batch["targetid"]) for batch in io.iter_shards(manifest, ["targetid"]))
    assert 0 < in_shards == ledger["kept"].sum() < len(ledger)


def test_every_kept_galaxy_is_embedded_once(results):
    ledger = io.read_table(results / "dataset" / "ledger.parquet")
    for split in ("train", "test"):
        embeddings = io.read_embeddings(results / "embeddings" / f"{split}.parquet")
        expected = ledger.loc[ledger["kept"] & (ledger["split"] == split), "targetid"]
        assert sorted(embeddings.targetid) == sorted(expected)
        for modality in tables.MODALITIES:
            np.testing.assert_allclose(np.linalg.norm(embeddings.unit[modality], axis=1), 1, rtol=1e-5)


def test_losses_add_up_from_step_to_step(results):
    losses = io.read_table(results / "crossmatch" / "losses.csv")
    assert list(losses.columns) == list(tables.LOSSES_COLUMNS)
    assert (losses["n_in"] == losses["n_lost"] + losses["n_out"]).all()


def test_metrics_have_the_columns_of_the_contract_and_intervals_that_hold_the_value(results):
    for name in ("zeroshot", "retrieval"):
        metrics = io.read_table(results / "metrics" / f"{name}.csv")
        assert list(metrics.columns) == list(tables.METRIC_COLUMNS)
        assert len(metrics) > 0
        known = metrics.dropna(subset=["value", "low", "high"])
        assert (known["low"] <= known["high"]).all()
    zeroshot = io.read_table(results / "metrics" / "zeroshot.csv")
    pairs = {tuple(pair) for pair in zeroshot[["reference", "query"]].to_numpy()}
    assert pairs == {(r, q) for r in tables.MODALITIES for q in tables.MODALITIES} | {("both", "both")}


def test_report_is_one_file(results):
    html = (results / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64" in html
    assert 'src="figures/' not in html


def test_logs_name_the_rule_and_hold_the_balance(project):
    log = (project / "logs" / "tiny" / "preprocess.log").read_text()
    assert "INFO galaxypair" in log
    assert "300 in" in log


def test_second_invocation_has_nothing_to_do(project):
    assert "Nothing to be done" in snakemake(project)


def test_single_figure_is_drawn_again_alone(project):
    name = "results/tiny/figures/umap_redshift.pdf"
    (project / name).unlink()
    printed = snakemake(project, name)
    assert "1 of 1 steps (100%) done" in printed
    assert (project / name).is_file()


def test_changed_setting_reruns_what_depends_on_it_and_no_training(project):
    plan = snakemake(project, "-n", "--config", "zeroshot={k: 5}")
    assert "rule zeroshot:" in plan
    assert "rule figure_zeroshot:" in plan
    for stage in ("simulate", "preprocess", "train", "embed", "umap"):
        assert f"rule {stage}:" not in plan


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
    settings = {**SETTINGS, **overlay, "run": "heads", "source": "simulate", "simulate": {"n_galaxies": 30}}
    settings["download"] = {"files": {k: {"path": str(v), "sha256": None} for k, v in weights.items()}}
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


def test_ablation_compares_a_variant_with_the_run_that_is_there(project, results):
    variant = {"low_scale": {"model": {"logit_scale": 2.74}}}
    settings = {**WHOLE, "ablation": {"seeds": [42], "variants": variant}}
    (project / "ablation.yaml").write_text(yaml.safe_dump(settings))
    targets = [f"results/tiny/{name}" for name in ("ablation/table.csv", "figures/ablation.pdf")]
    printed = snakemake(project, *targets, settings="ablation.yaml")
    assert (
        "8 of 8 steps (100%) done" in printed
    )  # train, embed three times, zeroshot, retrieval, table, figure
    table = io.read_table(results / "ablation" / "table.csv").set_index("variant")
    assert table.loc["low_scale", "differs"] == "model.logit_scale: 15.5 → 2.74"
    zeroshot = io.read_table(results / "metrics" / "zeroshot.csv")
    of_pair = (zeroshot["reference"] == "spectrum") & (zeroshot["query"] == "image")
    own = zeroshot[of_pair & (zeroshot["target"] == "z") & (zeroshot["metric"] == "r2")]
    assert table.loc["as_configured", "r2_z_image_spectrum_mean"] == pytest.approx(own["value"].item())
    assert table["train_seconds_mean"].gt(0).all()
    trial = json.loads((results / "ablation" / "low_scale-42" / "model" / "config.json").read_text())
    assert trial["run"] == "tiny/ablation/low_scale-42" and trial["model"]["logit_scale"] == 2.74
    assert json.loads((results / "model" / "config.json").read_text())["model"]["logit_scale"] == 15.5
    assert "Nothing to be done" in snakemake(project)


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
