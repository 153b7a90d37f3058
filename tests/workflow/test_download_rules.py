"""The published files arrive in a run: fetched from a local server, or the user's own."""

import json

import numpy as np
import pytest
import yaml
from factories import make_joint, make_provabgs
from http_server import Answer, FileServer

from galaxypair import io

SURVEY = ["results/edr/survey/joint.h5", "results/edr/survey/provabgs.hdf5"]


@pytest.fixture
def files(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("published")
    joint = make_joint(folder / "joint.h5", 4, 2)
    provabgs = make_provabgs(folder / "provabgs.hdf5", np.arange(8), np.full(8, 0.1))
    return {
        "astroclip.1.h5": joint.read_bytes(),
        "bgs.hdf5": provabgs.read_bytes(),
    }


def configure(project, **entries) -> str:
    settings = {"run": "edr", "source": "download", "download": {"files": entries}}
    (project / "edr.yaml").write_text(yaml.safe_dump(settings))
    return project / "edr.yaml"


def test_survey_is_fetched_resumed_and_checked_on_the_way_to_the_ledger(snakemake, project, files):
    with FileServer(files, [Answer(cut_after=300_000)] * 2) as server:
        entries = {"joint": server.url("astroclip.1.h5"), "provabgs": server.url("bgs.hdf5")}
        config = configure(project, **{name: {"url": url} for name, url in entries.items()})
        ledger = "results/edr/dataset/ledger.parquet"
        done = snakemake("--cores", 2, ledger, "--configfile", config)
    assert done.returncode == 0, done.stdout
    assert len(io.read_table(project / ledger)) == 8
    for name, source in zip(SURVEY, files, strict=True):
        assert (project / name).read_bytes() == files[source]
        assert (project / name).samefile(project / "data" / source)
        record = json.loads((project / f"{name}.source.json").read_text())
        assert record["url"].endswith(source) and record["bytes"] == len(files[source])
    assert "fetching 2.5 MB of 2.5 MB from http://127" in done.stdout
    assert "trying again" in (project / "logs/edr/download_joint.h5.log").read_text()


def test_project_that_is_moved_as_a_whole_stays_up_to_date_and_a_lost_file_is_named(
    snakemake, project, files, tmp_path_factory
):
    with FileServer(files) as server:
        entries = {
            "joint": {"url": server.url("astroclip.1.h5")},
            "provabgs": {"url": server.url("bgs.hdf5")},
        }
        configure(project, **entries)
        command = ("--cores", 2, SURVEY[0], "--configfile", "edr.yaml")
        done = snakemake(*command[:-1], project / "edr.yaml")
    assert done.returncode == 0, done.stdout
    moved = project.rename(tmp_path_factory.mktemp("moved") / "project")
    options = ("--directory", moved, *command[:-1], moved / "edr.yaml")
    assert "Nothing to be done" in snakemake(*options).stdout
    (moved / "data" / "astroclip.1.h5").unlink()
    done = snakemake(*options)
    assert done.returncode == 1
    assert "`results/edr/survey/joint.h5`: the file that this link names is gone" in done.stdout


def test_weights_of_the_user_are_linked_and_what_is_missing_is_told(snakemake, project):
    own = project / "mine.ckpt"
    own.write_bytes(b"\x80\x02 old torch")
    config = configure(project, astroclip={"path": str(own)}, spender={"path": "nowhere.pt"})
    targets = [f"results/edr/weights/{name}.ckpt" for name in ("astroclip", "spender", "stein_resnet50")]
    done = snakemake("--cores", 2, "--keep-going", *targets, "--configfile", config)
    assert done.returncode == 1
    assert (project / targets[0]).samefile(own)
    assert json.loads((project / f"{targets[0]}.source.json").read_text())["path"] == str(own)
    assert "`nowhere.pt` (key `download.files.spender.path`): no such file." in done.stdout
    assert "globus transfer 59c818dc-8542-46d8-80d9-ab144669c7b6:/ssl-legacysurvey/" in done.stdout
    assert "Traceback" not in done.stdout
