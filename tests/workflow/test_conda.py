"""`--use-conda` with a stand-in for conda: jobs run with what their environment files list, and nothing else.

The whole workflow so is in test_walk.py; `pytest -m conda` runs both, some minutes. What it cannot show is in
docs/conda.md.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import conda_standin
import pytest
import yaml
from test_environments import SCRIPTS, SRC, follow_imports, rules_with_environment
from walk import REPO, SETTINGS

pytestmark = pytest.mark.conda


@pytest.fixture(scope="module", autouse=True)
def python():
    """Environments name a version of Python; it is taken from this machine."""
    if missing := conda_standin.missing_pythons():
        pytest.skip(f"no Python {missing[0]} on this machine, which envs/*.yaml ask for")


def use_conda(
    project: Path, *options: object, snakemake: Sequence[object] = (sys.executable, "-m", "snakemake")
) -> subprocess.CompletedProcess:
    """Run Snakemake in a project with the stand-in on PATH; stderr comes back in `stdout`."""
    command = [*snakemake, "--use-conda", "--cores", "2", "--directory", project, *options]
    command += ["--configfile", project / "tiny.yaml"]
    return subprocess.run(
        list(map(str, command)),
        cwd=REPO,
        env={**os.environ, "PATH": conda_standin.search_path()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conda")
    shutil.copytree(REPO / "config", folder / "config")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(SETTINGS))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("environment", ["fetch", "networks"])
def test_environment_that_a_plain_run_does_not_need_has_what_its_scripts_import(tmp_path, environment):
    conda_standin.create(REPO / "envs" / f"{environment}.yaml", tmp_path / "env")
    scripts = [SCRIPTS / script for script, name in rules_with_environment() if name == environment]
    files, foreign = follow_imports(*scripts, SCRIPTS / "stage.py")
    own = [file.relative_to(SRC).with_suffix("") for file in files if file.is_relative_to(SRC)]
    names = [".".join(file.parts).removesuffix(".__init__") for file in own]
    code = "import sys, importlib; sys.path.insert(0, sys.argv[1]); "
    code += "[importlib.import_module(name) for name in sys.argv[2:]]"
    command = [
        tmp_path / "env" / "bin" / "python",
        "-I",
        "-c",
        code,
        SRC,
        *sorted(foreign - {"stage"}),
        *sorted(names),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_lacking_package_is_not_borrowed_from_snakemake_but_named(project, tmp_path):
    for folder in ("workflow", "src", "envs", "config"):
        shutil.copytree(REPO / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project / "tiny.yaml", tmp_path)
    environment = tmp_path / "envs" / "analysis.yaml"
    lines = environment.read_text().splitlines(keepends=True)
    environment.write_text("".join(line for line in lines if "h5py" not in line))
    target = "results/tiny/metrics/compare.csv"
    done = use_conda(tmp_path, target, "--snakefile", tmp_path / "workflow" / "Snakefile")
    assert done.returncode == 1
    assert "Error in rule compare" in done.stdout
    assert "ModuleNotFoundError: No module named 'h5py'" in done.stdout


def test_snakemake_needs_no_package_beside_its_own_to_plan(project, tmp_path):
    pinned = re.search(r"^snakemake==(.+)$", (REPO / "requirements.txt").read_text(), re.MULTILINE)
    (tmp_path / "env.yaml").write_text(f"dependencies: [python=3.11, snakemake={pinned[1]}]")
    conda_standin.create(tmp_path / "env.yaml", tmp_path / "env")
    snakemake = tmp_path / "env" / "bin" / "snakemake"
    done = use_conda(project, "-n", "everything", snakemake=[snakemake])
    assert done.returncode == 0, done.stdout
    assert "rule few_shot:" in done.stdout


def test_training_on_gpus_has_the_environment_with_their_pytorch(project):
    done = use_conda(project, "--list-conda-envs", "--config", "train={accelerator: gpu}")
    assert done.returncode == 0, done.stdout
    listed = set(re.findall(r"envs/(\w+)\.yaml", done.stdout))
    assert "train_gpu" in listed and "train" not in listed
