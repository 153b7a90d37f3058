import subprocess
import sys
from pathlib import Path

RUNNER = Path(__file__).parents[1] / "benchmarks" / "__main__.py"


def run(folder: Path, *names: str) -> subprocess.CompletedProcess:
    (folder / "__main__.py").write_text(RUNNER.read_text())
    command = [sys.executable, "__main__.py", *names]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_last_lines_are_shown_side_by_side(tmp_path):
    (tmp_path / "a.py").write_text("print('warming up'); print('3 ms per galaxy')")
    (tmp_path / "longer.py").write_text("print('5 s')")
    done = run(tmp_path)
    assert done.stdout == "a       3 ms per galaxy  [0 s]\nlonger  5 s  [0 s]\n"
    assert done.returncode == 0


def test_failure_is_shown_and_the_rest_still_runs(tmp_path):
    (tmp_path / "a.py").write_text("raise ValueError('no grids')")
    (tmp_path / "b.py").write_text("print('5 s')")
    done = run(tmp_path)
    assert "a  FAILED: ValueError: no grids" in done.stdout
    assert "b  5 s" in done.stdout
    assert done.returncode == 1
    assert "failed: a" in done.stderr


def test_unknown_name_lists_the_benchmarks(tmp_path):
    (tmp_path / "a.py").touch()
    assert "no benchmark `x`; there are: a" in run(tmp_path, "x").stderr
