import errno
import hashlib
import json
import logging
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from http_server import Answer, FileServer

from galaxypair import fetch, partial, runtime, transfer
from galaxypair.errors import DataError
from galaxypair.transfer import OVERLAP, Patience, Wanted

SRC = Path(__file__).parents[1] / "src"
DATA = np.random.default_rng(1).bytes(400_000)
OTHER = np.random.default_rng(2).bytes(400_000)
HASTY = Patience(stall_s=1, stall_bytes_per_s=50_000, tries=4, first_wait_s=0.01, longest_wait_s=0.02)
NAME = "a.bin"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "data" / NAME


def get(server: FileServer, target: Path, check=None, **known: object) -> dict:
    wanted = Wanted(server.url(NAME), "download.files.joint", **known)
    return fetch.fetch(wanted, target, check, HASTY)


def leave_part(server: FileServer, target: Path, n: int = 200_000) -> None:
    """Fetch the first `n` bytes, as a run does that is then given up."""
    server.answers[:] = [Answer(cut_after=n), *[Answer(status=503)] * HASTY.tries]
    with pytest.raises(DataError, match="goes on from there"):
        get(server, target)
    assert part_of(target).stat().st_size == n
    server.answers.clear()
    server.served.clear()
    server.requests.clear()


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def names(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_file_arrives_with_a_record_and_nothing_else(target):
    with FileServer({NAME: DATA}) as server:
        record = get(server, target)
    assert target.read_bytes() == DATA
    assert names(target) == [NAME, f"{NAME}.source.json"]
    assert json.loads(fetch.record_path(target).read_text()) == record
    assert record["bytes"] == len(DATA) and record["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert record["url"] == record["address"] == server.url(NAME) and record["etag"] == '"1"'
    assert record["last_modified"].startswith("Tue, 14 Nov 2023")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record["fetched"])


def test_file_that_was_fetched_is_neither_fetched_nor_read_again(target, monkeypatch):
    with FileServer({NAME: DATA}) as server:
        record = get(server, target)
        monkeypatch.setattr(fetch, "_sha256", pytest.fail)
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
            fetch.fetch(Wanted(f"http://mirror/{NAME}", "k"), target)
    assert target.read_bytes() == DATA


def test_file_without_a_record_is_the_users_verified_and_left_alone(target):
    target.parent.mkdir()
    target.write_bytes(OTHER)
    with FileServer({NAME: DATA}) as server:
        assert get(server, target) == {"path": str(target), "bytes": len(OTHER), "sha256": None}
        sha256 = hashlib.sha256(OTHER).hexdigest()
        assert get(server, target, sha256=sha256[:8])["sha256"] == sha256
        with pytest.raises(DataError, match=r"sha256 is \w+, .*was not fetched by this workflow"):
            get(server, target, sha256=hashlib.sha256(DATA).hexdigest())
        with pytest.raises(DataError, match=r"has 400,000 bytes, `download.files.joint.bytes` says 5"):
            get(server, target, bytes=5)
        assert server.requests == []
    assert target.read_bytes() == OTHER and names(target) == [NAME]


@pytest.mark.parametrize(
    "faults",
    [
        [Answer(cut_after=150_000)] * 2,
        [Answer(stall_after=150_000)],
        [Answer(status=503)] * 3,
        [Answer(status=429, headers={"Retry-After": "1"})],
        [Answer(cut_after=0), Answer(cut_after=100), Answer(status=500), Answer(cut_after=200_000)],
    ],
    ids=["cut", "stall", "unavailable", "too many", "all sorts"],
)
def test_interrupted_transfer_goes_on_where_it_ended(target, faults):
    with FileServer({NAME: DATA}, faults) as server:
        get(server, target)
        assert target.read_bytes() == DATA
        assert server.bytes_served - len(DATA) <= len(faults) * OVERLAP
        assert len(server.requests) == len(faults) + 1


def test_size_of_the_config_tells_a_cut_where_the_server_does_not(target):
    with FileServer({NAME: DATA}, [Answer(cut_after=150_000, headers={"Content-Length": None})]) as server:
        get(server, target, bytes=len(DATA))
        assert server.served == [(0, 150_000), (150_000 - OVERLAP, len(DATA))]
    assert target.read_bytes() == DATA


def test_another_run_goes_on_and_asks_for_the_same_version(target):
    with FileServer({NAME: DATA}) as server:
        leave_part(server, target)
        get(server, target)
        assert target.read_bytes() == DATA
        assert server.served == [(200_000 - OVERLAP, len(DATA))]
        assert server.requests[0]["if-range"] == '"1"'


def test_date_is_the_version_where_there_is_no_strong_etag(target):
    with FileServer({NAME: DATA}, etag='W/"1"') as server:
        leave_part(server, target)
        get(server, target)
        assert server.requests[0]["if-range"].startswith("Tue, 14 Nov 2023")
        assert server.served == [(200_000 - OVERLAP, len(DATA))]


def _change_etag(server: FileServer) -> None:
    server.etag = '"2"'


def _change_date(server: FileServer) -> None:
    server.modified += 5


def _lengthen(server: FileServer) -> None:
    server.files[NAME] = OTHER + b"more"


def _shorten(server: FileServer) -> None:
    server.files[NAME] = OTHER[:1000]


def _change_silently(server: FileServer) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "etag", "reason"),
    [
        (_change_etag, '"1"', "its ETag on the server has changed"),
        (_change_date, None, "its date on the server has changed"),
        (_lengthen, '"1"', "its size on the server has changed"),
        (_shorten, '"1"', "it is now shorter than 200,000 bytes"),
        (_change_silently, '"1"', "its bytes differ from those fetched before"),
        (_change_silently, None, "its bytes differ from those fetched before"),
    ],
)
def test_file_that_changed_between_two_tries_is_started_anew(target, caplog, change, etag, reason):
    with FileServer({NAME: DATA}, etag=etag) as server:
        leave_part(server, target)
        server.files[NAME] = OTHER
        change(server)
        record = get(server, target)
        assert target.read_bytes() == server.files[NAME]
        assert record["etag"] == server.etag
    assert f"starting anew, {reason}" in caplog.text


def test_changed_file_is_noticed_where_conditions_are_ignored(target, caplog):
    with FileServer({NAME: DATA}) as server:
        leave_part(server, target)
        server.files[NAME] = OTHER
        server.answers[:] = [Answer(headers={"ETag": '"2"'})]
        get(server, target)
        assert target.read_bytes() == OTHER
    assert "starting anew, its ETag" in caplog.text


def test_server_that_sends_whole_files_only_is_told(target, caplog):
    with FileServer({NAME: DATA}, [Answer(cut_after=100_000), Answer(ranges=False)]) as server:
        get(server, target)
        assert target.read_bytes() == DATA
        assert server.served == [(0, 100_000), (0, len(DATA))]
    assert "starting anew, the server sends whole files only" in caplog.text


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


@pytest.mark.parametrize("known", [{}, {"bytes": len(DATA)}])
def test_unknown_length_is_no_hindrance(target, known):
    with FileServer({NAME: DATA}, [Answer(headers={"Content-Length": None})]) as server:
        assert get(server, target, **known)["bytes"] == len(DATA)
    assert target.read_bytes() == DATA


def test_length_that_is_never_reached_ends_after_some_tries(target):
    promise = Answer(status=200, body=DATA[:1000], headers={"Content-Length": "400000"})
    with FileServer({NAME: DATA}, [promise] * 9) as server:
        with pytest.raises(
            DataError, match=r"4 times in a row. 1.0 kB are kept in .*run the same command again"
        ):
            get(server, target)
        assert len(server.requests) == HASTY.tries


def test_tries_are_counted_anew_after_progress(target):
    with FileServer({NAME: DATA}, [Answer(cut_after=40_000 + OVERLAP)] * 8) as server:
        get(server, target)
    assert target.read_bytes() == DATA


@pytest.mark.parametrize(
    ("answer", "known", "message"),
    [
        (
            Answer(status=404),
            {},
            r"has no such file \(HTTP status 404\)\. Correct `download.files.joint.url`, or",
        ),
        (Answer(status=403), {}, r"the server refuses it \(HTTP status 403\)"),
        (Answer(status=401), {}, r"the server wants a login \(HTTP status 401\)"),
        (Answer(status=418), {}, r"does not give it \(HTTP status 418\)"),
        (
            Answer(headers={"Content-Type": "text/html; charset=utf-8"}),
            {},
            "sent a web page instead of the file",
        ),
        (
            Answer(status=200, body=b"\n<!DOCTYPE html><html>Sign in"),
            {},
            "sent a web page instead of the file",
        ),
        (
            Answer(),
            {"bytes": 7},
            r"has 400,000 bytes, `download.files.joint.bytes` says 7\. Correct that number",
        ),
        (Answer(), {"magic": (b"\x89HDF", b"PK")}, "starts with .*, so it is another kind of file. Correct"),
    ],
)
def test_wrong_file_is_refused_at_once_and_leaves_nothing(target, answer, known, message):
    with FileServer({NAME: DATA}, [answer]) as server:
        with pytest.raises(DataError, match=message):
            get(server, target, **known)
        assert len(server.requests) == 1
    assert names(target) == []


def test_right_start_of_the_file_is_taken(target):
    with FileServer({NAME: DATA}) as server:
        get(server, target, magic=(b"\x89HDF", DATA[:4]))
    assert target.exists()


def test_redirects_are_followed_and_noted_without_their_signature(target):
    with FileServer({NAME: DATA}) as server:
        moved = server.url(NAME) + "?Signature=secret"
        server.answers[:] = [Answer(status=302, headers={"Location": f"/hop/{NAME}"}),
                             Answer(status=307, headers={"Location": moved})]  # fmt: skip
        wanted = Wanted(server.url("old"), "k")
        record = fetch.fetch(wanted, target, patience=HASTY)
    assert record["url"] == server.url("old") and record["address"] == server.url(NAME)
    assert target.read_bytes() == DATA


def test_redirect_loop_ends(target):
    with FileServer({NAME: DATA}) as server:
        server.answers[:] = [Answer(status=302, headers={"Location": f"/{NAME}"})] * 50
        with pytest.raises(DataError, match=r"10\) redirects.*Correct `download.files.joint.url`"):
            get(server, target)
        assert len(server.requests) == 11


@pytest.mark.parametrize("url", ["http://user:hunter2@127.0.0.1:1/a?token=hunter2", "file:///etc/hostname"])
def test_what_cannot_be_reached_is_told_without_credentials(target, caplog, url):
    with pytest.raises(DataError, match=r"[Cc]orrect `k\.url`") as caught:
        fetch.fetch(Wanted(url, "k"), target, patience=HASTY)
    assert "hunter2" not in str(caught.value) + caplog.text


def test_full_disk_is_seen_before_the_first_byte(target, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: usage)
    with (
        FileServer({NAME: DATA}) as server,
        pytest.raises(DataError, match=r"400.0 kB are still to come, 1.0 kB are"),
    ):
        get(server, target)
    assert names(target) == []


def test_disk_that_fills_up_ends_in_the_usual_error_and_keeps_the_part(target, monkeypatch):
    append, full = partial.Part.append, []

    def fill(part: partial.Part, data: bytes) -> None:
        if part.size > 150_000 and not full:
            full.append(True)
            raise OSError(errno.ENOSPC, "No space left on device")
        append(part, data)

    monkeypatch.setattr(partial.Part, "append", fill)
    with FileServer({NAME: DATA}) as server:
        with pytest.raises(OSError, match="No space left") as caught:
            get(server, target)
        assert "the disk is full" in str(runtime.as_users_error(caught.value))
        assert part_of(target).stat().st_size > 150_000
        get(server, target)
        assert target.read_bytes() == DATA
        assert server.served[-1][0] > 150_000 - OVERLAP


def test_two_fetches_of_one_file_are_one(target, caplog):
    caplog.set_level(logging.INFO)
    with FileServer({NAME: DATA}, [Answer(slow_after=100_000)]) as server:
        both = [threading.Thread(target=get, args=(server, target)) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert server.served == [(0, len(DATA))]
    assert f"process {os.getpid()} on " in caplog.text and "is fetching this file; waiting" in caplog.text
    assert names(target) == [NAME, f"{NAME}.source.json"]


def test_file_that_the_user_puts_there_meanwhile_is_not_overwritten(target, monkeypatch):
    sync = partial.Part.sync
    monkeypatch.setattr(partial.Part, "sync", lambda part: (sync(part), target.write_bytes(OTHER)))
    with FileServer({NAME: DATA}) as server:
        assert get(server, target)["path"] == str(target)
    assert target.read_bytes() == OTHER


def test_file_system_without_locks_is_told(target, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(partial.fcntl, "flock", refuse)
    with FileServer({NAME: DATA}) as server:
        get(server, target)
    assert "has no locks" in caplog.text and target.read_bytes() == DATA


CHILD = (
    "import sys; from pathlib import Path; from galaxypair import fetch\n"
    "from galaxypair.transfer import Wanted\n"
    "fetch.fetch(Wanted(sys.argv[1], 'k'), Path(sys.argv[2]))"
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
            server.answers[:] = [Answer(slow_after=1_000_000)]
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
    assert 6 * OVERLAP <= twice <= 6 * (OVERLAP + transfer.IN_HAND)


def test_interrupt_from_the_keyboard_ends_it_and_keeps_the_part(target):
    with FileServer({NAME: DATA}, [Answer(slow_after=100_000, slow_s=0.1)]) as server:
        child = start_child(server.url(NAME), target)
        while not (part_of(target).exists() and part_of(target).stat().st_size > 100_000):
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        printed = child.communicate(timeout=10)[1].decode()
    assert "KeyboardInterrupt" in printed and child.returncode != 0
    assert part_of(target).stat().st_size > 100_000 and not target.exists()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "cert.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl program that makes a certificate")
    return files


def test_certificates_are_verified(target, certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with FileServer({NAME: DATA}) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        secure = server.url(NAME).replace("http:", "https:")
        for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(DataError, match=r"certificate.*\(curl error 60\)"):
            fetch.fetch(Wanted(secure, "k"), target, patience=HASTY)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        server.answers[:] = [Answer(status=302, headers={"Location": server.url(NAME)})]
        with pytest.raises(DataError, match=r"\(curl error 1\)"):  # https that leads to http
            fetch.fetch(Wanted(secure, "k"), target, patience=HASTY)
        fetch.fetch(Wanted(secure, "k"), target, patience=HASTY)
    assert target.read_bytes() == DATA
