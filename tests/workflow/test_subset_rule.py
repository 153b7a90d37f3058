"""A run of `source: subset` up to the files that every source makes."""

import json

import numpy as np
from factories import make_joint, make_provabgs
from http_server import FileServer

from galaxypair import io


def test_subset_of_a_joint_file_and_provabgs_are_put_where_the_stages_read_them(snakemake, project):
    joint = make_joint(project / "remote.h5", n_per_group=10, groups=2)
    provabgs = make_provabgs(project / "provabgs.h5", np.arange(1000, 1020), np.full(20, 0.1))
    settings = ["source=subset", "subset={fraction: 0.5}"]
    with FileServer({"remote.h5": joint}) as server:
        url = server.url("remote.h5")
        settings.append(f"download={{files: {{joint: {{url: '{url}'}}, provabgs: {{path: {provabgs}}}}}}}")
        folder = "results/demo/survey"
        goals = [f"{folder}/joint.h5", f"{folder}/provabgs.hdf5"]
        done = snakemake("--cores", "1", *goals, "--config", *settings)
    assert done.returncode == 0, done.stdout
    assert io.check_joint(project / folder / "joint.h5") == {"0": 5, "1": 5}
    record = json.loads((project / folder / "joint.source.json").read_text())
    assert (record["url"], record["rows"]["0"]) == (url, [[0, 4], [8, 9]])
    assert (project / folder / "provabgs.hdf5").samefile(provabgs)
