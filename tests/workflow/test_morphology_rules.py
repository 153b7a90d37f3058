"""The rules of morphology on files that lie where the stages before would put them."""

import re

import numpy as np
import pandas as pd
import yaml
from factories import make_embeddings
from http_server import FileServer
from test_votes import galaxy10, galaxy_zoo

from galaxypair import io, tables

N = {"train": 60, "val": 12, "test": 24}


def make_run(run):
    """Write a ledger and embeddings that know the redshift; give TARGETIDs and redshifts."""
    targetid, z = np.arange(sum(N.values())), np.random.default_rng(1).uniform(0.05, 0.5, sum(N.values()))
    split = np.repeat(list(N), list(N.values()))
    ledger = pd.DataFrame({"targetid": targetid, "split": split, "z": z, "kept": True})
    io.write_table(ledger, run / "dataset" / "ledger.parquet")
    for name in N:
        own = split == name
        make_embeddings(run / "embeddings" / f"{name}.parquet", targetid[own], z[own], split=name)
    return targetid, z


def test_classes_of_ones_own_are_predicted_and_drawn(snakemake, project):
    run = project / "results" / "hub_run"
    targetid, z = make_run(run)
    own = pd.DataFrame({"targetid": targetid, "kind": np.where(z > 0.25, "far", "near")})
    io.write_table(own, project / "own.csv")
    names = ("metrics/morphology.csv", "figures/morphology_confusion_kind.png")
    goals = [f"results/hub_run/{name}" for name in names]
    done = snakemake(
        *("--cores", "1", *goals, "--allowed-rules"),
        *("morphology_labels", "morphology", "figure_morphology_confusion"),
        *("--config", "run=hub_run", "source=hub", "download={files: {provabgs: {url: null}}}"),
        f"morphology={{votes: {project / 'own.csv'}, questions: [kind], bootstrap: 20}}",
    )
    assert done.returncode == 0, done.stdout
    scores = io.read_table(project / goals[0])
    knn = scores[(scores["protocol"] == "morphology_knn") & (scores["metric"] == "accuracy")]
    assert set(scores["target"]) == {"kind"}
    assert (scores["n"] == N["test"]).all()
    assert (knn["value"] > 0.8).all()
    losses = io.read_table(run / "morphology" / "losses.csv")
    assert list(losses.columns) == list(tables.LABEL_LOSSES_COLUMNS)
    assert (project / goals[1]).with_suffix(".pdf").exists()


def test_missing_votes_are_named(snakemake, project):
    make_run(project / "results" / "demo")
    options = ("--allowed-rules", "morphology_labels", "--config", "source=hub")
    without = "download={files: {provabgs: {url: null}}}"
    goal = "results/demo/morphology/labels.parquet"
    done = snakemake("--cores", "1", goal, *options, without)
    assert "There are no votes on morphology: name them in `morphology.votes`." in done.stdout
    done = snakemake("--cores", "1", goal, *options, without, "morphology={votes: nowhere.csv}")
    assert "`nowhere.csv`: no such file." in done.stdout


def test_published_votes_are_fetched_and_ones_own_put_in_place(snakemake, project):
    galaxy_zoo(project / "mine.csv")
    galaxy10(project / "Galaxy10.h5")
    goals = [f"results/demo/votes/{name}" for name in ("galaxy_zoo.csv", "galaxy10.h5")]
    with FileServer({"Galaxy10.h5": (project / "Galaxy10.h5").read_bytes()}) as server:
        entries = {
            "galaxy_zoo": {"path": str(project / "mine.csv")},
            "galaxy10": {"url": server.url("Galaxy10.h5"), "sha256": None},
        }
        (project / "votes.yaml").write_text(yaml.safe_dump({"download": {"files": entries}}))
        done = snakemake("--cores", "1", *goals, "--configfile", project / "votes.yaml")
    assert done.returncode == 0, done.stdout
    assert (project / goals[0]).samefile(project / "mine.csv")
    assert (project / goals[1]).samefile(project / "data" / "Galaxy10.h5")


def test_everything_holds_morphology_where_there_are_votes(snakemake):
    def planned(*config):
        done = snakemake("-n", "everything", "--config", *config)
        assert done.returncode == 0, done.stdout
        return dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE))

    mock = planned("run=demo")
    assert mock["simulate_votes"] == mock["morphology"] == "1"
    assert mock["figure_morphology_confusion"] == str(len(tables.GALAXY_ZOO))
    fetched = planned("source=hub", "morphology={votes: galaxy10}")
    assert fetched["votes"] == fetched["figure_morphology_confusion"] == "1"
    assert "simulate_votes" not in fetched
    assert not {"votes", "morphology", "morphology_labels"} & set(planned("source=hub"))
