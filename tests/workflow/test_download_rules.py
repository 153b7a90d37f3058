"""The published files arrive in a run: fetched from a local server, or the user's own."""

import json

import numpy as np
import pytest
import yaml
from factories import make_joint, make_provabgs
from http_server import Answer, FileServer

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


def test_survey_is_fetched_resumed_and_shared_by_runs(snakemake, project, files):
    with FileServer(files, [Answer(cut_after=300_000)] * 2) as server:
        config = configure(
            project, joint={"url": server.url("astroclip.1.h5")}, provabgs={"url": server.url("bgs.hdf5")}
        )
        done = snakemake("--cores", 2, *SURVEY, "--configfile", config)
        assert done.returncode == 0, done.stdout
        requests = len(server.requests)
        again = snakemake(
            "--cores", 2, SURVEY[0].replace("edr", "b"), "--configfile", config, "--config", "run=b"
        )
        assert again.returncode == 0, again.stdout
        assert len(server.requests) == requests
    for name, source in zip(SURVEY, ("astroclip.1.h5", "bgs.hdf5"), strict=True):
        assert (project / name).read_bytes() == files[source]
        assert (project / name).samefile(project / "data" / source)
        record = json.loads((project / f"{name}.source.json").read_text())
        assert record["url"].endswith(source) and record["bytes"] == len(files[source])
    assert (
        "fetching 2.5 MB of 2.5 MB from http://127" in done.stdout and "joint.h5.source.json" in done.stdout
    )


def test_weights_of_the_user_are_linked_and_a_wrong_path_is_told(snakemake, project):
    own = project / "mine.ckpt"
    own.write_bytes(b"\x80\x02 old torch")
    config = configure(project, stein_resnet50={"path": str(own)}, spender={"path": "nowhere.pt"})
    target = "results/edr/weights/stein_resnet50.ckpt"
    done = snakemake("--cores", 1, target, "--configfile", config)
    assert done.returncode == 0, done.stdout
    assert (project / target).samefile(own)
    assert json.loads((project / f"{target}.source.json").read_text())["path"] == str(own)
    done = snakemake("--cores", 1, "results/edr/weights/spender.ckpt", "--configfile", config)
    assert done.returncode == 1
    assert "`nowhere.pt` (key `download.files.spender.path`): no such file." in done.stdout
    assert "Traceback" not in done.stdout


def test_file_that_is_on_globus_alone_comes_with_the_steps(snakemake, project):
    done = snakemake("--cores", 1, "results/demo/weights/stein_resnet50.ckpt")
    assert done.returncode == 1
    assert "globus transfer 59c818dc-8542-46d8-80d9-ab144669c7b6:/ssl-legacysurvey/" in done.stdout
    assert "      stein_resnet50:\n        path: resnet50.ckpt\n" in done.stdout
