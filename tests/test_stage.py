"""The frame of every script: in a terminal, under Snakemake, and cut off under conda."""

import errno
import importlib.util
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from galaxypair import runtime

STAGE = Path(__file__).parents[1] / "workflow" / "scripts" / "stage.py"
HEAD = f"""\"\"\"Count things.\"\"\"

import sys

sys.path.insert(0, {str(STAGE.parent)!r})
from stage import stage

from pathlib import Path

from galaxypair.errors import DataError


"""
COUNT = """
def count(
    tables: list[Path], extra: Path | None, out: Path, settings: dict, label: str, threads: int = 1
) -> None:
    kinds = [type(tables[0]).__name__, type(extra).__name__, type(settings["n"]).__name__]
    out.write_text(f"{len(tables)} {kinds} {label} {threads}")
"""
FAIL = """
def fail(out: Path, kind: str) -> None:
    out.with_suffix(".part").write_text("half")
    raise {"user": DataError, "bug": KeyError}[kind]("`x.h5`: no such file. Fetch it.")
"""
END = """

if __name__ == "__main__":
    stage({name})
"""


def make_script(path: Path, body: str, name: str) -> Path:
    path.write_text(HEAD + body + END.format(name=name))
    return path


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, capture_output=True, text=True, check=False
    )


def snakemake(cwd: Path, rules: str, *options: str) -> subprocess.CompletedProcess:
    (cwd / "Snakefile").write_text(rules)
    return run("-m", "snakemake", "--cores", "2", *options, cwd=cwd)


# --- in a terminal -------------------------------------------------------------------------------


def test_script_runs_in_a_terminal_with_arguments_of_its_signature(tmp_path):
    script = make_script(tmp_path / "count.py", COUNT, "count")
    arguments = ["--tables", "a", "b", "--extra", "c", "--settings", '{"n": 3}', "--label", "x"]
    done = run(script, *arguments, "--out", "out.txt", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.txt").read_text().startswith("2 ['PosixPath', 'PosixPath', 'int'] x 1")


def test_help_describes_the_stage(tmp_path):
    done = run(make_script(tmp_path / "count.py", COUNT, "count"), "--help", cwd=tmp_path)
    assert "Count things." in done.stdout
    assert "--settings SETTINGS" in done.stdout


def test_users_error_in_a_terminal_has_no_traceback(tmp_path):
    script = make_script(tmp_path / "fail.py", FAIL, "fail")
    done = run(script, "--out", "out.txt", "--kind", "user", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "\nError in fail: `x.h5`: no such file. Fetch it.\n\n"


# --- under Snakemake -----------------------------------------------------------------------------


def test_rule_hands_over_inputs_outputs_params_and_threads(tmp_path):
    make_script(tmp_path / "count.py", COUNT, "count")
    (tmp_path / "a").touch()
    done = snakemake(
        tmp_path,
        """
rule count:
    input:
        tables=["a"],
        extra=[],
        code="count.py",
        tracked=["a"],
    output:
        out="out.txt",
    threads: 2
    params:
        settings={"n": 3},
        label="x",
    script:
        "count.py"
""",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.txt").read_text() == "1 ['PosixPath', 'NoneType', 'int'] x 2"


WAITING = """
def wait(out: Path) -> None:
    import os, time

    Path("pid").write_text(str(os.getpid()))
    try:
        time.sleep(60)
    finally:
        Path("cleaned").touch()
"""
WAITING_RULE = """
rule wait:
    output:
        out="out.txt",
    log:
        "wait.log",
    script:
        "wait.py"
"""


@pytest.mark.parametrize("way", ["Ctrl-C", "killed Snakemake", "time limit"])
def test_interrupted_job_cleans_up_and_says_what_to_do(tmp_path, way):
    make_script(tmp_path / "wait.py", WAITING, "wait")
    (tmp_path / "Snakefile").write_text(WAITING_RULE)
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    with (tmp_path / "printed").open("w") as printed:
        main = subprocess.Popen(
            command, cwd=tmp_path, stdout=printed, stderr=printed, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )  # fmt: skip
    wait_for(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text())
    job = int((tmp_path / "pid").read_text())
    if way == "Ctrl-C":
        os.killpg(main.pid, signal.SIGINT)
    elif way == "time limit":
        os.kill(job, signal.SIGTERM)
    else:
        main.kill()
    main.wait(30)
    wait_for((tmp_path / "cleaned").is_file)
    text = "Interrupted: wait. The same command goes on from what is complete."
    wait_for(lambda: text in (tmp_path / "printed").read_text())
    assert "Traceback" not in (tmp_path / "printed").read_text()
    wait_for(lambda: "KeyboardInterrupt" in (tmp_path / "wait.log").read_text())


def wait_for(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


FAILING_RULE = """
rule fail:
    output:
        out="out.txt",
    log:
        "logs/fail.log",
    params:
        {params},
    script:
        "fail.py"
"""


@pytest.mark.parametrize(
    ("params", "printed", "traceback_printed"),
    [
        ('kind="user"', "Error in fail: `x.h5`: no such file. Fetch it. (details in logs/fail.log)", False),
        ('kind="bug"', "Error in fail: KeyError: '`x.h5`: no such file. Fetch it.' (details in", True),
        ('kin="user"', "Error in fail: TypeError: missing a required argument: 'kind': the rule gives out, "
         "kin, but the script's function takes out, kind", True),
    ],
    ids=["user", "bug", "argument that does not fit"],
)  # fmt: skip
def test_failure_is_printed_and_its_traceback_logged(tmp_path, params, printed, traceback_printed):
    make_script(tmp_path / "fail.py", FAIL, "fail")
    done = snakemake(tmp_path, FAILING_RULE.format(params=params))
    assert done.returncode == 1
    assert printed in done.stderr
    assert ("Traceback" in done.stderr) == traceback_printed
    assert "Traceback (most recent call last)" in (tmp_path / "logs" / "fail.log").read_text()


# --- under conda ---------------------------------------------------------------------------------


@pytest.fixture
def stage(monkeypatch) -> types.ModuleType:
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("stage", STAGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_log_that_cannot_be_written_is_named_without_a_traceback(stage, monkeypatch, capsys):
    def refuse(log):
        raise OSError(errno.EROFS, "Read-only file system", str(log))

    monkeypatch.setattr(runtime, "setup_logging", refuse)
    job = {"arguments": {}, "threads": 1, "log": Path("logs/a.log"), "rule": "count"}
    monkeypatch.setattr(stage, "_JOB", job)
    with pytest.raises(SystemExit, match="1"):
        stage.stage(lambda: None)
    assert "Error in count: `logs/a.log`: Read-only file system." in capsys.readouterr().err


def test_keep_only_forgets_paths_and_modules_of_other_environments(tmp_path, stage):
    own, other = tmp_path / "env", tmp_path / "env-of-snakemake"  # one name begins like the other
    kept, lost = types.ModuleType("kept_module"), types.ModuleType("lost_module")
    kept.__file__, lost.__file__ = str(own / "lib" / "a.py"), str(other / "lib" / "a.py")
    paths = [str(own / "lib"), str(other / "lib"), str(tmp_path)]
    modules = {"kept_module": kept, "lost_module": lost, "sys": sys}
    stage._keep_only([own], paths, modules)
    assert paths == [str(own / "lib")]
    assert set(modules) == {"kept_module", "sys"}


def test_keep_only_follows_links_to_the_environment(tmp_path, stage):
    (tmp_path / "disk" / "env" / "lib").mkdir(parents=True)
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    paths = [str(tmp_path / "disk" / "env" / "lib")]
    stage._keep_only([tmp_path / "home" / "env"], paths, {})
    assert paths == [str(tmp_path / "disk" / "env" / "lib")]


def test_job_in_an_environment_of_its_own_cannot_borrow_a_package(tmp_path):
    lender = tmp_path / "site-packages-of-snakemake"
    lender.mkdir()
    (lender / "borrowed.py").touch()
    script = tmp_path / "job.py"
    script.write_text(
        "import sys, types\n"
        f"sys.path.append({str(lender)!r})\n"
        "class Names(list):\n"
        "    def items(self): return []\n"
        "snakemake = types.SimpleNamespace(rule='job', input=Names(), output=Names(), params=Names(),\n"
        "    threads=1, log=[], config={})\n"
        + HEAD.partition("from pathlib")[0]
        + "import os\nprint(os.environ.get('PYTHONNOUSERSITE'))\nimport borrowed\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "CONDA_PREFIX"}
    command = [sys.executable, str(script)]
    plain = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    conda = subprocess.run(
        command, env={**environment, "CONDA_PREFIX": "/env"}, capture_output=True, text=True, check=False
    )
    assert plain.returncode == 0, plain.stderr
    assert "No module named 'borrowed'" in conda.stderr
    assert conda.stdout == "1\n"  # nor can the processes that it starts, from the user's home
