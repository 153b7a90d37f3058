import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fetching import DATA, HASTY, NAME, OTHER, get, leave_part, names, part_of
from http_server import Answer, FileServer

from galaxypair.errors import DataError
from galaxypair.fetch import http, partial, whole
from galaxypair.fetch.transfer import OVERLAP, Wanted

SRC = Path(__file__).parents[1] / "src"


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "data" / NAME


def test_file_arrives_with_a_record_and_nothing_else(target):
    with FileServer({NAME: DATA}) as server:
        record = get(server, target)
    assert target.read_bytes() == DATA
    assert names(target) == [NAME, f"{NAME}.source.json"]
    assert json.loads(whole.record_path(target).read_text()) == record
    assert record["bytes"] == len(DATA) and record["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert record["url"] == record["address"] == server.url(NAME) and record["etag"] == '"1"'
    assert record["last_modified"].startswith("Tue, 14 Nov 2023")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record["fetched"])


def test_file_that_was_fetched_is_neither_fetched_nor_read_again(target, monkeypatch):
    with FileServer({NAME: DATA}) as server:
        record = get(server, target)
        monkeypatch.setattr(whole.io, "sha256", pytest.fail)
        assert get(server, target, sha256=record["sha256"][:8].upper(), bytes=len(DATA)) == record
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"sha256": "0123456789"}, r"sha256 \w{10} instead of 0123456789\. Move it away"),
        ({"bytes": 3}, r"bytes 400000 instead of 3"),
    ],
)
def test_fetched_file_that_the_config_no_longer_means_stops(target, known, message):
    with FileServer({NAME: DATA}) as server:
        get(server, target)
        with pytest.raises(DataError, match=message):
            get(server, target, **known)
        with pytest.raises(DataError, match=r"url http://127.0.0.1:.* instead of http://mirror/a.bin"):
            whole.fetch(Wanted(f"http://mirror/{NAME}", "k"), target)
    assert target.read_bytes() == DATA


def test_file_without_a_record_is_the_users_verified_and_left_alone(target):
    target.parent.mkdir()
    target.write_bytes(OTHER)
    with FileServer({NAME: DATA}) as server:
        assert get(server, target) == {"path": str(target), "bytes": len(OTHER), "sha256": None}
        sha256 = hashlib.sha256(OTHER).hexdigest()
        assert get(server, target, sha256=sha256[:8].upper())["sha256"] == sha256
        with pytest.raises(DataError, match=r"sha256 is \w+, .*was not fetched by this workflow"):
            get(server, target, sha256=hashlib.sha256(DATA).hexdigest())
        with pytest.raises(DataError, match=r"has 400,000 bytes, `download.files.joint.bytes` says 5"):
            get(server, target, bytes=5)
        assert server.requests == []
    assert target.read_bytes() == OTHER and names(target) == [NAME]


def test_another_run_goes_on_and_asks_for_the_same_version(target):
    with FileServer({NAME: DATA}) as server:
        leave_part(server, target)
        get(server, target)
        assert target.read_bytes() == DATA
        assert server.served == [(200_000 - OVERLAP, len(DATA))]
        assert server.requests[0]["if-range"] == '"1"'


@pytest.mark.parametrize("notes", [None, "{", "[]", '{"url": "http://other/a.bin", "bytes": 400000}'])
def test_part_of_unknown_origin_is_started_anew(target, caplog, notes):
    part = part_of(target)
    part.parent.mkdir()
    part.write_bytes(OTHER)
    if notes:
        part.with_name(f"{part.name}.json").write_text(notes)
    with FileServer({NAME: DATA}) as server:
        get(server, target)
    assert target.read_bytes() == DATA
    assert "starting anew, it is a part of another address's file" in caplog.text


def test_part_that_was_complete_is_verified_without_a_request(target):
    with FileServer({NAME: DATA}) as server:
        with pytest.raises(
            DataError, match=r"a\.bin\.part`: its sha256 .* Remove `.*a\.bin\.part` to fetch it"
        ):
            get(server, target, sha256="00000000")
        assert not target.exists() and part_of(target).read_bytes() == DATA
        get(server, target, sha256=hashlib.sha256(DATA).hexdigest()[:8])
        assert len(server.requests) == 1
    assert target.read_bytes() == DATA


def test_file_of_the_wrong_layout_does_not_get_its_name(target):
    def check(path: Path) -> None:
        raise DataError(f"`{path}`: no groups.")

    with FileServer({NAME: DATA}) as server, pytest.raises(DataError, match=r"no groups\. Remove `.*\.part`"):
        get(server, target, check)
    assert not target.exists()


def test_length_that_is_never_reached_ends_after_some_tries(target):
    promise = Answer(status=200, body=DATA[:1000], headers={"Content-Length": "400000"})
    with FileServer({NAME: DATA}, [promise] * 9) as server:
        with pytest.raises(
            DataError, match=r"4 times in a row. 1.0 kB are kept in .*run the same command again"
        ):
            get(server, target)
        assert len(server.requests) == HASTY.tries


def test_nothing_is_said_to_be_kept_of_a_file_of_which_nothing_came(target):
    with FileServer({NAME: DATA}, [Answer(status=503)] * HASTY.tries) as server:
        with pytest.raises(DataError, match=r"4 times in a row. Run the same command again later\. If"):
            get(server, target)
    assert names(target) == []


def test_tries_are_counted_anew_after_progress(target):
    with FileServer({NAME: DATA}, [Answer(cut_after=40_000 + OVERLAP)] * 8) as server:
        get(server, target)
    assert target.read_bytes() == DATA


def test_server_that_asks_to_wait_is_waited_for(target, monkeypatch):
    waits = []
    monkeypatch.setattr(whole, "time", SimpleNamespace(sleep=waits.append))
    with FileServer({NAME: DATA}, [Answer(status=503, headers={"Retry-After": "7"})]) as server:
        whole.fetch(Wanted(server.url(NAME), "k"), target)
    assert waits == [7]


def test_file_that_the_user_puts_there_meanwhile_is_not_overwritten(target, monkeypatch):
    sync = partial.Part.sync
    monkeypatch.setattr(partial.Part, "sync", lambda part: (sync(part), target.write_bytes(OTHER)))
    with FileServer({NAME: DATA}) as server:
        assert get(server, target)["path"] == str(target)
    assert target.read_bytes() == OTHER


CHILD = (
    "import sys; from pathlib import Path; from galaxypair.fetch import whole\n"
    "from galaxypair.fetch.transfer import Wanted\n"
    "whole.fetch(Wanted(sys.argv[1], 'k'), Path(sys.argv[2]))"
)


def start_child(url: str, target: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", CHILD, url, str(target)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SRC)}, stderr=subprocess.PIPE)


def test_killed_and_cut_transfers_cost_a_block_each(target):
    """The benchmark `download` in small."""
    data = np.random.default_rng(3).bytes(8_000_000)
    part, points = part_of(target), (1_000_000, 2_000_000, 3_000_000)
    with FileServer({NAME: data}) as server:
        for point in points:
            server.answers[:] = [Answer(slow_after=1_000_000, slow_s=0.01)]
            child = start_child(server.url(NAME), target)
            while not (part.exists() and part.stat().st_size > point + 50_000) and child.poll() is None:
                time.sleep(0.002)
            child.kill()
            child.communicate()
            assert part.stat().st_size < len(data)
        time.sleep(0.1)  # until the server has noticed the last kill
        server.answers[:] = [Answer(cut_after=1_000_000)] * 3
        get(server, target)
        twice = server.bytes_served - len(data)
    assert target.read_bytes() == data
    assert names(target) == [NAME, f"{NAME}.source.json"]
    assert 6 * OVERLAP <= twice <= 6 * (OVERLAP + http.IN_HAND)


def test_interrupt_from_the_keyboard_ends_it_and_keeps_the_part(target):
    with FileServer({NAME: DATA}, [Answer(slow_after=100_000, slow_s=0.1)]) as server:
        child = start_child(server.url(NAME), target)
        while not (part_of(target).exists() and part_of(target).stat().st_size > 100_000):
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        printed = child.communicate(timeout=10)[1].decode()
    assert "KeyboardInterrupt" in printed and child.returncode != 0
    assert part_of(target).stat().st_size > 100_000 and not target.exists()
