"""Pin every package of requirements.txt, and all that these bring along, by version and SHA-256.

`python envs/make_locks.py` writes four locks: requirements-build.lock, what packages without wheels are built
with; requirements-torch-pypi.lock and requirements-torch-cpu.lock, of which one is chosen; requirements.lock,
all the others. Versions stay as they are; `--upgrade`, or `--upgrade-package NAME`, renews them.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
# what uv resolves; the first pattern that fits an entry names its lock
LOCKS = {
    "requirements-build.lock": re.compile(r"(setuptools|pybind11)=="),
    "requirements-torch-pypi.lock": re.compile(r"(torch==|nvidia-|cuda-|triton==)"),
    "requirements.lock": re.compile(""),
}
_HEADER = """\
# Made by `python envs/make_locks.py` from requirements.txt: versions, and the SHA-256 of every file of each
# (all systems, all Pythons). Not to be edited.
"""
CPU_LOCK = "requirements-torch-cpu.lock"
# PyPI lists its own build of PyTorch alone. These are the files for Linux (x86_64, then aarch64; Python 3.11,
# 3.12, 3.13, 3.14) of https://download.pytorch.org/whl/cpu, as several projects' locks agree about them.
CPU_TORCH = {
    "2.13.0": (
        "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
        "4ca4a9394b0c771238a4f73590fdbbc4debad85ed0fa63d026ae1b085da7d6e2",
        "3fbf9c9d1f3c10c2d59d04aca426dee9ccc6ceb32d255c61e93acc3b4f75fae6",
        "d20fa53ee744502fa4c69818a720b05ca0d37abd055d4f6e66cae155114bc691",
        "84453b69508ec79902f899c5ed9495acb9e2bbe9fda5f1d5d6f19e3c3842e1a7",
        "6f307c2c32d764ffc6ff6893b801fad6d4752f3e67966cb8abf1843427c02604",
        "0b8f7d0423027ae8b90c7977c627f3379f325363a08224dffad9b4b2d684a83d",
        "ca021f9eb2f8345c83fa03e3a04587308afb8df71bd472670b3ece00df58621c",
    )
}


def entries(text: str) -> list[str]:
    """Split a lock into its packages.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        Each of several lines, the first with name and version.
    """
    return [entry for entry in re.split(r"^(?=[A-Za-z])", text, flags=re.MULTILINE) if "==" in entry]


def cpu_torch(version: str) -> str:
    """Pin PyTorch's CPU build.

    Parameters
    ----------
    version : str

    Returns
    -------
    str
        Its entry in a lock.

    Raises
    ------
    SystemExit
        If the checksums of this version are not known.
    """
    if version not in CPU_TORCH:
        sys.exit(f"CPU_TORCH in {__file__} has no checksums of torch {version}: add those of its CPU build.")
    lines = [f"torch=={version}+cpu", *(f"    --hash=sha256:{checksum}" for checksum in CPU_TORCH[version])]
    return " \\\n".join(lines) + "\n"


def compile_pins(options: list[str]) -> str:
    """Let uv resolve requirements.txt for all systems, from the versions that are pinned now.

    Parameters
    ----------
    options : list of str
        For `uv pip compile`.

    Returns
    -------
    str
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "all.lock")
        made.write_text("".join((REPO / name).read_text() for name in LOCKS))
        command = [sys.executable, "-m", "uv", "pip", "compile", REPO / "requirements.txt"]
        command += [
            "--output-file",
            made,
            "--universal",
            "--python-version",
            "3.11",
            "--generate-hashes",
            "--quiet",
        ]
        command += ["--no-header", "--no-annotate", *options]
        subprocess.run(list(map(str, command)), check=True)
        return made.read_text()


def main() -> None:
    """Write the locks."""
    pins = compile_pins(sys.argv[1:])
    shares = {name: _HEADER for name in LOCKS}
    for entry in entries(pins):
        shares[next(name for name, pattern in LOCKS.items() if pattern.match(entry))] += entry
    shares[CPU_LOCK] = _HEADER + cpu_torch(re.search(r"^torch==(\S+)", pins, flags=re.MULTILINE)[1])
    for name, text in shares.items():
        (REPO / name).write_text(text)


if __name__ == "__main__":
    main()
