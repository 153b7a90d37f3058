"""A share of a joint file: what its job tells, what it needs, and two of it at once."""

import logging
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from factories import make_joint
from fetching import HASTY
from http_server import Answer, FileServer

from galaxypair import io
from galaxypair.errors import DataError
from galaxypair.fetch import subset
from galaxypair.fetch.subset import ROW_BYTES
from galaxypair.fetch.transfer import Wanted

NAME = "remote.h5"


def fetch(url: str, joint: Path) -> None:
    wanted = Wanted(url, "download.files.joint")
    subset.fetch_subset(wanted, joint, fraction=0.2, block_rows=4, train_fraction=0.8, patience=HASTY)


@pytest.fixture(scope="module")
def survey(tmp_path_factory) -> Path:
    return make_joint(tmp_path_factory.mktemp("remote") / NAME, n_per_group=50, groups=2)


def test_disk_that_cannot_hold_the_rows_is_told_before_they_come(tmp_path, survey, monkeypatch):
    few = SimpleNamespace(free=30 * ROW_BYTES)
    monkeypatch.setattr(subset.shutil, "disk_usage", lambda _: few)
    with FileServer({NAME: survey}) as server:
        with pytest.raises(DataError, match=r"12.3 MB are needed .* 9.3 MB are free.*subset.fraction"):
            fetch(server.url(NAME), tmp_path / "joint.h5")
        assert server.bytes_served < ROW_BYTES


def test_what_is_to_come_is_told(tmp_path, survey, caplog):
    caplog.set_level(logging.INFO)
    fetch(str(survey), tmp_path / "joint.h5")
    told = f"`{survey}`: 20 galaxies of this file of 30.8 MB; 6.2 MB are still to come"
    assert told in caplog.text


def test_second_job_waits_for_one_that_outlived_its_snakemake(tmp_path, survey, caplog):
    caplog.set_level(logging.INFO)
    with FileServer({NAME: survey}, [Answer(slow_after=0)] * 12) as server:
        target = (server.url(NAME), tmp_path / "joint.h5")
        both = [threading.Thread(target=fetch, args=target) for _ in range(2)]
        for job in both:
            job.start()
        for job in both:
            job.join()
    assert "is at the same work; waiting" in caplog.text
    assert io.check_joint(tmp_path / "joint.h5") == {"0": 10, "1": 10}
    assert list(tmp_path.iterdir()) == [tmp_path / "joint.h5"]
