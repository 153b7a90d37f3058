import ssl
import subprocess
from pathlib import Path

import pycurl
import pytest
from fetching import DATA, HASTY, NAME, OTHER, get, leave_part, names
from http_server import Answer, FileServer

from galaxypair.errors import DataError
from galaxypair.fetch import transfer, whole
from galaxypair.fetch.transfer import OVERLAP, Wanted


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "data" / NAME


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


@pytest.mark.parametrize("known", [{}, {"bytes": len(DATA)}])
def test_unknown_length_is_no_hindrance(target, known):
    with FileServer({NAME: DATA}, [Answer(headers={"Content-Length": None})]) as server:
        assert get(server, target, **known)["bytes"] == len(DATA)
        assert len(server.requests) == 1
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
        record = whole.fetch(wanted, target, patience=HASTY)
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
        whole.fetch(Wanted(url, "k"), target, patience=HASTY)
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


def test_callback_that_fails_at_its_door_is_no_reason_to_try_again(target, monkeypatch):
    monkeypatch.setattr(transfer._Answer, "body", lambda *_: -1)
    with FileServer({NAME: DATA}) as server:
        with pytest.raises(pycurl.error):
            get(server, target)
        assert len(server.requests) == 1


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


def test_certificates_are_verified(target, certificate, monkeypatch, caplog):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with FileServer({NAME: DATA}) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        secure = server.url(NAME).replace("http:", "https:")
        for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(DataError, match=r"certificate.*\(curl error 60\)"):
            whole.fetch(Wanted(secure, "k"), target, patience=HASTY)
        assert "trying again" not in caplog.text
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        server.answers[:] = [Answer(status=302, headers={"Location": server.url(NAME)})]
        with pytest.raises(DataError, match=r"\(curl error 1\)"):  # https that leads to http
            whole.fetch(Wanted(secure, "k"), target, patience=HASTY)
        whole.fetch(Wanted(secure, "k"), target, patience=HASTY)
    assert target.read_bytes() == DATA
