"""The demo as a newcomer runs it, then real galaxies with the starter model: `pytest -m demo`, minutes.

It runs in the checkout itself, so that a demo made before is used and not made again.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from realdata import REALDATA, write_catalogue

from galaxypair import metrics

REPO = Path(__file__).resolve().parents[2]
DEMO = REPO / "results/demo"

pytestmark = pytest.mark.demo


def snakemake(*options: object) -> None:
    command = [sys.executable, "-m", "snakemake", "--cores", "all", *map(str, options)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr)


@pytest.fixture(scope="module")
def demo() -> Path:
    snakemake()
    return DEMO


def value(table: pd.DataFrame, **cell: str) -> float:
    found = table.loc[np.logical_and.reduce([table[k] == v for k, v in cell.items()]), "value"]
    assert len(found) == 1, cell
    return float(found.iloc[0])


def test_demo_learns_redshifts_within_and_across_modalities(demo):
    table = pd.read_csv(demo / "metrics/zeroshot.csv")
    z = table[(table["target"] == "z") & (table["metric"] == "r2")]
    assert value(z, reference="spectrum", query="image") >= 0.7
    assert value(z, reference="spectrum", query="spectrum") >= 0.95
    assert value(z, reference="image", query="image") >= 0.7


def test_demo_finds_pairs_far_better_than_chance(demo):
    table = pd.read_csv(demo / "metrics/retrieval.csv")
    cell = {"query": "image", "reference": "spectrum"}
    assert value(table, metric="recall@10", **cell) >= 20 * value(table, metric="chance_recall@10", **cell)


def test_no_rule_of_the_demo_takes_more_than_two_gigabytes(demo):
    files = sorted((REPO / "logs/demo").glob("*.benchmark.tsv"))
    peak = {f.name: pd.read_csv(f, sep="\t", na_values="-")["max_rss"].max() for f in files}
    assert len(peak) > 20
    assert {name: mb for name, mb in peak.items() if mb > 2048} == {}


@pytest.fixture(scope="module")
def predictions(demo, tmp_path_factory) -> Iterator[pd.DataFrame]:
    if not (REALDATA / "pairs.csv").exists():
        pytest.skip(f"no survey files in {REALDATA}")
    folder = tmp_path_factory.mktemp("galaxies")
    write_catalogue(REALDATA, folder)
    run = "real_galaxies_test"
    overlay = folder / "settings.yaml"
    overlay.write_text(yaml.safe_dump({"run": run, "ingest": {"catalogue": str(folder / "catalogue.csv")}}))
    snakemake("--configfile", REPO / "config/own_data.yaml", overlay)
    yield pd.read_csv(REPO / f"results/{run}/metrics/predictions.csv", dtype={"id": str})
    shutil.rmtree(REPO / f"results/{run}")
    shutil.rmtree(REPO / f"logs/{run}")


def test_every_real_galaxy_has_a_row_and_a_prediction_or_a_reason(predictions):
    assert len(predictions) == len(set(predictions["id"])) > 40
    predicted = predictions[["z_image", "z_spectrum"]].notna().any(axis=1)
    assert (predicted | predictions["reason"].notna()).all()


def test_starter_reads_redshifts_of_real_sdss_spectra(predictions, capsys):
    sdss = predictions[~predictions["id"].str.startswith("3") & predictions["z_spectrum"].notna()]
    sdss = sdss[sdss["z_true"].between(0.01, 0.6)].drop_duplicates("z_true")
    assert len(sdss) >= 30
    found = metrics.summarise(
        sdss["z_true"], sdss["z_spectrum"], relative=True, bootstrap=1000, rng=np.random.default_rng(0)
    )
    with capsys.disabled():  # a result to read, not only a threshold to pass
        scores = ", ".join(
            f"{name} {v:.4f} [{low:.4f}, {high:.4f}]" for name, (v, low, high) in found.items()
        )
        print(f"\nz of {len(sdss)} real SDSS spectra: {scores}")  # noqa: T201
    assert found["r2"][0] > 0.95
    assert found["nmad"][0] < 0.002
