import logging
import os
import pty
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from galaxypair import errors, runtime
from galaxypair.errors import DataError

SRC = Path(__file__).parents[1] / "src"


@pytest.fixture(autouse=True)
def _restore_logging():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    threading.excepthook = threading.__excepthook__


def test_log_has_time_level_and_module_terminal_the_message_alone(tmp_path, capsys):
    log = tmp_path / "logs" / "a.log"
    runtime.setup_logging(log)
    logging.getLogger("galaxypair.x").info("12 in = 11 kept + 1 in ledger")
    assert capsys.readouterr().err == "12 in = 11 kept + 1 in ledger\n"
    assert log.read_text().endswith("INFO galaxypair.x: 12 in = 11 kept + 1 in ledger\n")


def test_log_is_started_anew(tmp_path):
    log = tmp_path / "a.log"
    for text in ("first", "second"):
        runtime.setup_logging(log)
        logging.getLogger("x").info(text)
    assert "first" not in log.read_text()


def test_warnings_reach_the_log(tmp_path):
    runtime.setup_logging(tmp_path / "a.log")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("flux looks odd", RuntimeWarning, stacklevel=1)
    assert "RuntimeWarning: flux looks odd" in (tmp_path / "a.log").read_text()


class Clock:
    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


def test_progress_logs_a_line_per_five_percent(monkeypatch, caplog):
    monkeypatch.setattr(runtime, "time", Clock(step=3.0))
    caplog.set_level(logging.INFO)
    progress = runtime.Progress(1000)
    for _ in range(1000):
        progress.update(1)
    assert len(caplog.messages) == 20
    assert caplog.messages[0].startswith("50 of 1,000 galaxies (")
    assert caplog.messages[-1].startswith("1,000 of 1,000 galaxies")


def test_progress_of_fast_loops_logs_the_end_alone(monkeypatch, caplog):
    monkeypatch.setattr(runtime, "time", Clock(step=1e-4))
    caplog.set_level(logging.INFO)
    progress = runtime.Progress(100, unit="epochs")
    for _ in range(100):
        progress.update(1)
    assert [message.split(" (")[0] for message in caplog.messages] == ["100 of 100 epochs"]


def test_progress_of_bytes_is_readable_and_its_rate_leaves_out_an_earlier_run(monkeypatch, caplog):
    monkeypatch.setattr(runtime, "time", Clock(step=10.0))
    caplog.set_level(logging.INFO)
    progress = runtime.Progress(60_000_000_000, "bytes", done=30_000_000_000)
    progress.update(2_999_000_000)  # less than 5 %
    progress.update(1_000_000)
    progress.update(27_000_000_000)
    progress.close()
    assert caplog.messages == [
        "33.0 GB of 60.0 GB (150.0 MB/s, 180 s left)",
        "60.0 GB of 60.0 GB (1.0 GB/s, 0 s left)",
    ]


@pytest.mark.parametrize(
    ("n", "words"), [(999, "999 bytes"), (1000, "1.0 kB"), (2_540_000, "2.5 MB"), (6e10, "60.0 GB")]
)
def test_bytes_are_said_in_the_largest_unit(n, words):
    assert runtime.readable_bytes(n) == words


def test_progress_of_nothing_is_no_error():
    runtime.Progress(0).update(0)


def test_progress_draws_a_bar_on_a_terminal_and_lines_in_the_log(tmp_path):
    code = (
        "from pathlib import Path; from galaxypair import runtime\n"
        f"runtime.setup_logging(Path({str(tmp_path / 'a.log')!r}))\n"
        "progress = runtime.Progress(4)\n"
        "for _ in range(4): progress.update(1)\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        shell = f'stty cols 100 rows 30; exec "{sys.executable}" -c "$CODE"'
        os.execvpe("sh", ["sh", "-c", shell], {**os.environ, "PYTHONPATH": str(SRC), "CODE": code})
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # Linux: the other side has closed
        pass
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0, shown.decode()
    assert "0/4" in shown.decode()
    assert "4 of 4 galaxies" not in shown.decode()
    assert "4 of 4 galaxies" in (tmp_path / "a.log").read_text()


def test_progress_without_a_terminal_prints_lines():
    code = (
        "from galaxypair import runtime; runtime.setup_logging(); progress = runtime.Progress(4)\n"
        "for _ in range(4): progress.update(1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
        start_new_session=True,
    )
    assert done.stderr.startswith("4 of 4 galaxies")


def test_error_is_printed_without_traceback_which_the_log_keeps(tmp_path, capsys):
    log = tmp_path / "a.log"
    runtime.setup_logging(log)
    try:
        raise DataError("`x.h5`: no such file.")
    except DataError as err:
        runtime.report_error("preprocess", err, log)
    printed = capsys.readouterr().err
    assert f"Error in preprocess: `x.h5`: no such file. (details in {log})" in printed
    assert "Traceback" not in printed
    assert "Traceback" in log.read_text()
    assert "ERROR" in log.read_text()


def test_lines_to_copy_stay_free_of_the_name_of_the_log(capsys):
    runtime.report_error("download", DataError("Set:\n  joint: a.h5"), Path("a.log"))
    assert "  joint: a.h5\n(details in a.log)\n" in capsys.readouterr().err


def test_error_that_is_not_the_users_says_its_type(capsys):
    runtime.report_error("embed", KeyError("z"), None)
    assert "Error in embed: KeyError: 'z'\n" in capsys.readouterr().err


def test_full_disk_is_told_through_the_errors_that_wrap_it():
    try:
        try:
            raise OSError(28, "No space left on device")
        except OSError as err:
            raise RuntimeError("flush failed") from err
    except RuntimeError as err:
        assert "the disk is full" in str(errors.as_users_error(err))


def test_exhausted_memory_is_told_with_the_keys_to_lower():
    error = errors.as_users_error(MemoryError("Unable to allocate 9 GiB"))
    assert "not enough memory (Unable to allocate 9 GiB). Lower `train.batch_size`" in str(error)


def test_failed_helper_thread_is_one_line_on_the_terminal(capsys):
    def fail():
        raise OSError(28, "No space left on device")

    runtime.setup_logging()
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    printed = capsys.readouterr().err
    assert printed == "a helper thread failed (OSError: [Errno 28] No space left on device)\n"


def test_missing_rights_name_the_file():
    error = errors.as_users_error(PermissionError(13, "Permission denied", "results/x"))
    assert "`results/x`: Permission denied" in str(error)


def test_other_errors_stay_what_they_are():
    assert errors.as_users_error(ValueError("x")) is None


def test_errors_that_lead_to_each_other_end():
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert errors.as_users_error(first) is None
