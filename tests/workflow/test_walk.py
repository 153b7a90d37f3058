"""The whole workflow on a survey of some hundred galaxies: `pytest -m dag`, minutes.

With `--profile slurm` on a cluster of this machine alone, and under `--use-conda` with a stand-in for conda,
each where this machine has what it takes: root and Debian's packages, the Python that the environments name.
"""

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import conda_standin
import numpy as np
import private_slurm
import pytest
import yaml
from private_slurm import SUBMITTED, accounted, queue
from walk import REPO, SETTINGS, WITH_CONDA, command, environment, snakemake

from galaxypair import io, tables

TRAIN = {**SETTINGS["train"], "accelerator": "cpu"}
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

MODEL = "results/tiny/model/model.safetensors"

pytestmark = pytest.mark.dag


@pytest.fixture(scope="module")
def cluster() -> Iterator[str | None]:
    """Why there is no cluster, if there is none."""
    reason = private_slurm.missing()
    if reason:
        yield reason
        return
    with private_slurm.running():
        yield None


@pytest.fixture(scope="module")
def project(cluster: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose trainings take two processes, on two nodes if there is a cluster."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(REPO / "config", folder / "config")
    processes = {"devices": 2, "nodes": 1} if cluster else {"devices": 1, "nodes": 2}
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**SETTINGS, "train": {**TRAIN, **processes}}))
    if not conda_standin.missing_pythons():
        (folder / WITH_CONDA).touch()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def whole(project: Path, cluster: str | None) -> str:
    """What the whole workflow prints; on a cluster, one job has too little memory at first."""
    if cluster:
        return snakemake(project)
    memory = "preprocess:mem_mb=150 if attempt == 1 else 4000"
    return snakemake(project, *private_slurm.PROFILE, "--set-resources", memory)


@pytest.fixture(scope="module")
def results(project: Path, whole: str) -> Path:
    return project / "results" / "tiny"


@pytest.fixture
def on_slurm(cluster: str | None, whole: str) -> str:
    """What the whole workflow printed on a cluster."""
    if cluster:
        pytest.skip(cluster)
    return whole


def test_every_file_of_the_walk_is_made(results):
    assert [name for name in FILES if not (results / name).is_file()] == []
    assert [str(path) for path in results.rglob("*.part*")] == []


@pytest.mark.conda
def test_every_job_ran_in_an_environment_and_in_that_of_its_rule(project, whole):
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


def test_logs_name_the_rule_and_hold_the_balance(project, whole):
    log = (project / "logs" / "tiny" / "preprocess.log").read_text()
    assert "INFO galaxypair" in log
    assert "300 in" in log


def test_second_invocation_has_nothing_to_do(project, whole):
    assert "Nothing to be done" in snakemake(project)


def test_single_figure_is_drawn_again_alone(project, whole):
    name = "results/tiny/figures/umap_redshift.pdf"
    (project / name).unlink()
    printed = snakemake(project, name)
    assert "1 of 1 steps (100%) done" in printed
    assert (project / name).is_file()


def test_changed_setting_reruns_what_depends_on_it_and_no_training(project, whole):
    plan = snakemake(project, "-n", "--config", "zeroshot={k: 5}")
    assert "rule zeroshot:" in plan
    assert "rule figure_zeroshot:" in plan
    for stage in ("simulate", "preprocess", "train", "embed", "umap"):
        assert f"rule {stage}:" not in plan


@pytest.mark.slurm
def test_whole_workflow_runs_in_a_few_entries_of_the_queue(project, on_slurm):
    assert (project / "results" / "tiny" / "report.html").is_file()
    jobs = accounted(re.findall(SUBMITTED, on_slurm))
    assert len(jobs) <= 20
    assert int(re.search(r"(\d+) of \d+ steps \(100%\)", on_slurm)[1]) > 50
    assert len([job for job in jobs if job["state"] != "COMPLETED"]) == 1  # for lack of memory, see below


@pytest.mark.slurm
def test_job_without_memory_enough_is_retried_with_more(project, on_slurm):
    numbers = re.findall(rf"{SUBMITTED} \(log: \S+rule_preprocess", on_slurm)
    first, second = accounted(numbers)
    # with cgroups, which this cluster lacks, the state would be OUT_OF_MEMORY
    assert (first["state"], first["reqmem"]) == ("FAILED", "150M")
    assert (second["state"], second["reqmem"]) == ("COMPLETED", "4000M")
    assert first["timelimit"] != second["timelimit"]
    logs = project / ".snakemake" / "slurm_logs" / "rule_preprocess"
    assert "exceeded memory limit" in "".join(path.read_text() for path in logs.rglob("*.log"))


@pytest.mark.slurm
def test_training_in_tasks_of_two_nodes(project, on_slurm):
    (job,) = accounted(re.findall(rf"{SUBMITTED} \(log: \S+rule_train", on_slurm))
    assert (job["state"], job["nnodes"]) == ("COMPLETED", "2")
    assert "training in 2 processes" in (project / "logs" / "tiny" / "train.log").read_text()


def test_ablation_compares_a_variant_with_the_run_that_is_there(project, results, cluster):
    variant = {"low_scale": {"model": {"logit_scale": 2.74}}}
    settings = yaml.safe_load((project / "tiny.yaml").read_text())
    settings["ablation"] = {"seeds": [42], "variants": variant}
    (project / "ablation.yaml").write_text(yaml.safe_dump(settings))
    targets = [f"results/tiny/{name}" for name in ("ablation/table.csv", "figures/ablation.pdf")]
    profile = () if cluster else private_slurm.PROFILE
    printed = snakemake(project, *profile, *targets, settings="ablation.yaml")
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


@pytest.fixture
def training(project: Path, on_slurm: str) -> Iterator[Callable]:
    """A training without end in one process, on the survey that is there; its time limit is one minute."""
    running = []

    def start() -> subprocess.Popen:
        printed = (project / f"training-{len(running)}.log").open("w")
        options = [MODEL, "--set-resources", "train:runtime=1 if attempt == 1 else 60"]
        options += ["--config", "train={epochs: 100000, nodes: 1}"]
        process = subprocess.Popen(
            command(project, *private_slurm.PROFILE, *options),
            cwd=REPO, env=environment(project), stdout=printed, stderr=subprocess.STDOUT,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()


def wait_for(project: Path, text: str, *, log: str, seconds: float = 120) -> str:
    """Wait until a file says something; what it says."""
    ended = time.monotonic() + seconds
    path = project / log
    while time.monotonic() < ended:
        said = path.read_text() if path.exists() else ""
        if re.search(text, said):
            return said
        time.sleep(0.5)
    pytest.fail(f"{log} does not say {text}:\n{said}")


@pytest.mark.slurm
def test_training_is_resumed_after_its_time_limit_scancel_and_the_end_of_snakemake(project, training):
    first = training()
    # Slurm's time limits are whole minutes
    said = wait_for(project, f"(?s){SUBMITTED}.*{SUBMITTED}", log="training-0.log", seconds=240)
    limited, again = re.findall(SUBMITTED, said)
    (job,) = accounted([limited])
    assert (job["state"], job["timelimit"]) == ("TIMEOUT", "00:01:00")
    wait_for(project, "resuming", log="logs/tiny/train.log")

    log = project / "logs" / "tiny" / "train.log"
    log.unlink()  # so that what it says next is another job's
    subprocess.run(["scancel", again], check=True)
    said = wait_for(project, f"(?s)jobid {again}\\b.*{SUBMITTED}", log="training-0.log")
    orphan = re.findall(SUBMITTED, said)[-1]
    wait_for(project, "resuming", log="logs/tiny/train.log")

    log.unlink()
    first.kill()
    first.wait()
    assert list(queue()) == [orphan]
    second = training()
    said = wait_for(project, SUBMITTED, log="training-1.log")
    assert f"Cancelling Slurm jobs of a Snakemake that was killed: {orphan} (train)" in said
    wait_for(project, "resuming", log="logs/tiny/train.log")
    assert list(queue()) == re.findall(SUBMITTED, said)

    second.send_signal(signal.SIGINT)
    assert second.wait(timeout=90) == 1
    wait_for(project, "train was interrupted", log="logs/tiny/train.log")
