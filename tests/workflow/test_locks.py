"""The locks: every package by version and checksum, in agreement with requirements.txt and with itself."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("make_locks", REPO / "envs" / "make_locks.py")
make_locks = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(make_locks)
RENEW = "run `python envs/make_locks.py`"


def locked(name: str) -> dict[str, str]:
    """Entries of a lock by the name of their package."""
    found = make_locks.entries((REPO / name).read_text())
    return {canonicalize_name(entry.partition("==")[0]): entry for entry in found}


@pytest.fixture(scope="module")
def everything() -> dict[str, str]:
    return {package: entry for name in make_locks.LOCKS for package, entry in locked(name).items()}


def test_locks_hold_the_versions_of_requirements(everything):
    lines = (REPO / "requirements.txt").read_text().splitlines()
    for line in (line for line in lines if line and not line.startswith("#")):
        package, _, version = line.partition("==")
        assert everything[canonicalize_name(package)].split()[0].partition("==")[2] == version, RENEW


def test_every_locked_package_has_checksums_and_stands_in_one_lock(everything):
    assert sum(len(locked(name)) for name in make_locks.LOCKS) == len(everything)
    for entry in everything.values():
        first, *others = (line.rstrip(" \\") for line in entry.strip().splitlines())
        assert re.fullmatch(r"[\w.-]+==\S+( ; .+)?", first)
        assert others and all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", line) for line in others)


def test_everything_that_an_installed_package_needs_is_locked(everything):
    for package in everything:
        try:
            needs = map(Requirement, importlib.metadata.requires(package) or [])
        except importlib.metadata.PackageNotFoundError:  # for another system or build of PyTorch
            continue
        missing = [
            need.name
            for need in needs
            if (need.marker is None or need.marker.evaluate({"extra": ""}))
            and canonicalize_name(need.name) not in everything
        ]
        assert missing == [], f"{package} needs {missing}: {RENEW}"


def test_both_builds_of_torch_are_of_one_version(everything):
    (entry,) = locked(make_locks.CPU_LOCK).values()
    version = everything["torch"].split()[0].partition("==")[2]
    assert entry == make_locks.cpu_torch(version), RENEW


def test_checksums_of_an_unknown_torch_are_asked_for():
    with pytest.raises(SystemExit, match=r"no checksums of torch 9\.9\.9"):
        make_locks.cpu_torch("9.9.9")
