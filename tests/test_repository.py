"""What a reader may expect of every file in the repository."""

import re
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
MAX_KILOBYTES = 500
MAX_LINES = 400  # of a source file
MAX_SCRIPT_LINES = 40  # a rule's script unpacks, calls, writes
_HOME = re.compile(r"/(home|Users|root)/\w+/")


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """Files under version control and those that could be added, but nothing that git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [REPO / name for name in done.stdout.splitlines() if (REPO / name).is_file()]


def relative(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(REPO)) for path in paths]


def test_no_file_is_large(files):
    weights = REPO / "starter"  # whose size test_starter.py looks at
    small = [path for path in files if not path.is_relative_to(weights)]
    assert relative([path for path in small if path.stat().st_size > 1000 * MAX_KILOBYTES]) == []


def test_source_files_can_be_read_in_one_sitting(files):
    sources = [path for path in files if path.suffix in (".py", ".smk")]
    assert relative([path for path in sources if len(path.read_text().splitlines()) > MAX_LINES]) == []


def test_scripts_are_thin(files):
    scripts = [path for path in files if path.parent.name == "scripts" and path.name != "stage.py"]
    assert relative([p for p in scripts if len(p.read_text().splitlines()) > MAX_SCRIPT_LINES]) == []


def test_no_path_of_a_single_machine(files):
    texts = [path for path in files if path.suffix in (".py", ".smk", ".yaml", ".md", ".rst", ".toml", "")]
    assert relative([path for path in texts if _HOME.search(path.read_text(encoding="utf-8"))]) == []
