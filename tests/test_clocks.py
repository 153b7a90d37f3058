"""Files from the future."""

import os
import time

import pytest

from galaxypair import clocks


def test_files_from_the_future_are_dated_to_now_in_their_order_and_no_others(tmp_path):
    results, logs = tmp_path / "results", tmp_path / "logs"
    for folder in (results, logs):
        folder.mkdir()
    now = time.time()
    ages = {results / "old": -50, results / "b": 7200, logs / "c": 7201, results / "a": 3600}
    for path, seconds in ages.items():
        path.touch()
        os.utime(path, (now + seconds, now + seconds))
    (results / "link").symlink_to(tmp_path / "users_own")
    (tmp_path / "users_own").touch()
    os.utime(tmp_path / "users_own", (now + 99, now + 99))
    said: list[str] = []
    clocks.set_back([results, logs, tmp_path / "none"], said.append)
    dates = {path.name: path.stat().st_mtime for path in ages}
    assert dates["old"] == pytest.approx(now - 50, abs=1e-3)
    assert now - 1 < dates["a"] < dates["b"] < dates["c"] <= time.time()
    assert (tmp_path / "users_own").stat().st_mtime == pytest.approx(now + 99)
    assert len(said) == 1 and "3 files of the run were dated up to 2.0 hours in the future" in said[0]
    clocks.set_back([results, logs], said.append)
    assert len(said) == 1


def test_input_from_the_future_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "catalogue.csv"
    path.touch()
    clocks.refuse_future(path, ValueError)
    os.utime(path, (time.time() + 7300,) * 2)
    with pytest.raises(
        ValueError, match=r"catalogue.csv`: dated 2.0 hours in the future.*`touch .*catalogue.csv`"
    ):
        clocks.refuse_future(path, ValueError)
