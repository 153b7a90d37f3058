"""The stand-in for conda reads environment files as conda would, and refuses what it cannot do."""

import os
import subprocess
import sys
from pathlib import Path

import conda_standin
import pytest

CONDA = Path(__file__).parent / "conda" / "bin" / "conda"


def write(folder: Path, *lines: str) -> Path:
    path = folder / "env.yaml"
    path.write_text("dependencies:\n" + "".join(f"  {line}\n" for line in lines))
    return path


def test_names_pins_and_packages_of_pip_are_kept(tmp_path):
    path = write(
        tmp_path,
        *("- python=3.11", "- pytorch-cpu=2.13.0", "- numpy=2", "- scipy", "- pip"),
        *("- pip:", "    - bagpipes==1.3.6"),
    )
    requirements = ["torch==2.13.0.*", "numpy==2.*", "scipy", "bagpipes==1.3.6"]
    assert conda_standin.read_environment(path) == ("3.11", requirements)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["- python=3.11", "- numpy>=2"], "`numpy>=2` in `.*env.yaml` is neither `name` nor `name=version`"),
        (["- numpy=2.4.6"], "names no version of Python, as in `python=3.11`"),
    ],
)
def test_file_that_it_cannot_read_stops(tmp_path, lines, message):
    with pytest.raises(SystemExit, match=message):
        conda_standin.read_environment(write(tmp_path, *lines))


def test_indexes_are_those_of_pip(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///a file:///b")
    found = conda_standin.pip_configuration()
    assert found["index-url"] == "http://127.0.0.1:9/simple"
    assert found["extra-index-url"].split() == ["file:///a", "file:///b"]


def test_program_refuses_what_snakemake_does_not_ask():
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [CONDA, "install", "numpy"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 1
    assert done.stderr == "stand-in conda: it cannot do `conda install numpy`\n"
