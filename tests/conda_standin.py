"""Pose as conda for Snakemake where no channel is at hand: an environment file becomes a venv.

The packages are PyPI's of the same names and versions, and nothing else, so a job in such an
environment shows whether its file lists what the job needs. What conda's channels have is not shown.
To try it: `PATH=$PWD/tests/conda/bin:$PATH snakemake --cores all --use-conda`.
"""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import uv
import yaml

HERE = Path(__file__).resolve().parent
PYPI_NAMES = {  # of packages that conda-forge calls otherwise
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "matplotlib-base": "matplotlib",
    "python-xxhash": "xxhash",
}
LEVELS = ("global", "user", "site", ":env:")  # of pip's configuration, each above those before it


def read_environment(path: Path) -> tuple[str, list[str]]:
    """Version of Python that an environment file asks for, and its packages as requirements for pip."""
    python, requirements = "", []
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]:
        if isinstance(entry, dict):
            requirements += entry["pip"]
            continue
        parts = re.fullmatch(r"([\w.-]+)(?:=([\w.]+))?", entry)
        if not parts:
            sys.exit(f"stand-in conda: `{entry}` in `{path}` is neither `name` nor `name=version`")
        name, version = parts[1], parts[2]
        if name == "python":
            python = version
        elif name != "pip":
            # conda's name=1.2 stands for 1.2 and all that begins with it
            requirements.append(PYPI_NAMES.get(name, name) + (f"=={version}.*" if version else ""))
    if not python:
        sys.exit(f"stand-in conda: `{path}` names no version of Python, as in `python=3.11`")
    return python, requirements


def missing_pythons() -> list[str]:
    """Versions of Python that the environments ask for and that are not on this machine."""
    asked = {read_environment(path)[0] for path in (HERE.parent / "envs").glob("*.yaml")}
    find = [uv.find_uv_bin(), "--no-config", "python", "find", "--no-python-downloads"]
    return sorted(
        version
        for version in asked
        if subprocess.run([*find, version], capture_output=True, check=False).returncode
    )


def search_path() -> str:
    """PATH with the stand-in before all else, and the Python that runs it."""
    return os.pathsep.join(
        [str(HERE / "conda" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )


def pip_configuration() -> dict[str, str]:
    """What pip is configured with on this machine: indexes, folders of wheels, certificates."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    entries = [re.fullmatch(r"(.*)\.([\w-]+)=('.*')", line) for line in lines]
    known = [entry for entry in entries if entry and entry[1] in LEVELS]
    known.sort(key=lambda entry: LEVELS.index(entry[1]))
    return {entry[2]: ast.literal_eval(entry[3]) for entry in known}


def create(path: Path, prefix: Path) -> None:
    """Make the environment of a file; uv says what is wrong if it cannot be made."""
    python, requirements = read_environment(path)
    pip = pip_configuration()
    options = ["--index-strategy=unsafe-best-match"]  # as pip: the best version of all indexes
    for name in ("index-url", "extra-index-url", "find-links"):
        options += [f"--{name}={place}" for place in pip.get(name, "").split()]
    environment = dict(os.environ)
    if "cert" in pip:
        environment.setdefault("SSL_CERT_FILE", pip["cert"])
    tool = [uv.find_uv_bin(), "--quiet", "--no-config"]
    venv = [*tool, "venv", "--no-python-downloads", f"--python={python}", prefix]
    install = [*tool, "pip", "install", f"--python={prefix}/bin/python", *options, *requirements]
    for command in (venv, install):
        done = subprocess.run(list(map(str, command)), env=environment, check=False)
        if done.returncode:
            sys.exit(f"stand-in conda: could not make the environment of `{path}`")


def answer(arguments: list[str]) -> str:
    """Do what Snakemake 9 asks of conda and say what it waits for; refuse all else."""
    match arguments:
        case ["--version"]:
            return "conda 24.11.0"
        case ["info", "--json"]:
            prefix = Path(__file__).resolve().parent / "conda"
            return json.dumps({"conda_prefix": str(prefix), "platform": "linux-64"})
        case ["config", "--get", "channel_priority", "--json"]:
            return json.dumps({"get": {"channel_priority": "strict"}})
        case ["clean", "-y", "--tarballs"]:
            return ""
        case ["env", "create", "--quiet", "--no-default-packages", "--file", file, "--prefix", prefix]:
            create(Path(file), Path(prefix))
            return ""
    sys.exit(f"stand-in conda: it cannot do `conda {' '.join(arguments)}`")


if __name__ == "__main__":
    sys.stdout.write(answer(sys.argv[1:]) + "\n")
