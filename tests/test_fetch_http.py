import pycurl
import pytest
from fetching import HASTY

from galaxypair.errors import DataError
from galaxypair.fetch.address import public, public_settings
from galaxypair.fetch.http import Head, InterruptedTransferError, Patience, explain, prepare

URL = "https://user:hunter2@host/a.h5?token=hunter2"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, "https://host/a.h5"),
        ("http://host:81/~b/a.h5#hunter2", "http://host:81/~b/a.h5"),
        ("https://hunter2@[::1]:8/a@1.h5", "https://[::1]:8/a@1.h5"),
        ("https://hunter2@[wrong/a?hunter2", "https://[wrong/a"),
        ("survey/a@1#2?.h5", "survey/a@1#2?.h5"),
    ],
)
def test_public_address_is_what_anyone_may_see(url, expected):
    assert public(url) == expected


def test_settings_are_shown_with_public_addresses_and_else_as_they_are():
    settings = {"files": {"joint": {"url": URL, "path": "a#1?.h5", "bytes": None}}, "urls": [URL, 7]}
    shown = {"files": {"joint": {"url": public(URL), "path": "a#1?.h5", "bytes": None}}}
    assert public_settings(settings) == {**shown, "urls": [public(URL), 7]}
    assert settings["urls"] == [URL, 7]


def options(url: str) -> dict[int, object]:
    """Options that a request is given."""
    given = {}
    prepare(type("Curl", (), {"setopt": given.__setitem__}), url, Head(url), len, HASTY)
    return given


@pytest.mark.parametrize(
    ("url", "next_ones"),
    [("https://a/b", pycurl.PROTO_HTTPS), ("http://a/b", pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)],
)
def test_redirects_lead_to_the_web_alone_and_never_to_less_security(url, next_ones):
    given = options(url)
    assert given[pycurl.PROTOCOLS] == pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
    assert given[pycurl.REDIR_PROTOCOLS] == next_ones
    assert not {pycurl.UNRESTRICTED_AUTH, pycurl.SSL_VERIFYPEER, pycurl.SSL_VERIFYHOST} & set(given)


@pytest.mark.parametrize(
    ("variables", "bundle"),
    [({}, None), ({"SSL_CERT_FILE": "a"}, "a"), ({"CURL_CA_BUNDLE": "b", "SSL_CERT_FILE": "a"}, "b")],
)
def test_certificates_of_an_institute_are_those_of_curl(monkeypatch, variables, bundle):
    for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert options(URL).get(pycurl.CAINFO) == bundle


def head(status: int = 0, **headers: str) -> Head:
    found = Head(URL)
    found.status, found.headers = status, {name.replace("_", "-"): text for name, text in headers.items()}
    return found


def test_head_is_that_of_the_last_answer():
    found = Head(URL)
    for line in (b"HTTP/1.1 302 Found\r\n", b"Location: /b?c\r\n", b"ETag: old\r\n", b"\r\n"):
        found.take(line)
    for line in (b"HTTP/2 206\r\n", b"Content-Range: bytes 0-1/2: \xe9\r\n", b"\r\n"):
        found.take(line)
    assert (found.status, found.headers) == (206, {"content-range": "bytes 0-1/2: \xe9"})
    assert public(found.address) == "https://host/b"


@pytest.mark.parametrize(
    ("found", "error", "kind", "message"),
    [
        (head(401), (22, ""), DataError, r"`https://host/a.h5`: the server wants a login .*401\)\. Do it\."),
        (head(403), (22, ""), DataError, "the server refuses it"),
        (head(404), (22, ""), DataError, "the server has no such file"),
        (head(410), (22, ""), DataError, "the server has it no longer"),
        (head(418), (22, ""), DataError, r"the server does not give it \(HTTP status 418\)"),
        (head(503), (22, ""), InterruptedTransferError, "^HTTP status 503$"),
        (head(), (60, "bad certificate"), DataError, r"bad certificate \(curl error 60\)\. Do it\."),
        (head(302), (1, ""), DataError, r"cannot be fetched \(curl error 1\)"),
        (head(), (28, "timed out"), InterruptedTransferError, "^nothing more came$"),
        (head(206), (56, ""), InterruptedTransferError, r"^the connection ended \(curl error 56\)$"),
    ],
)
def test_failure_is_told_with_what_to_do_if_no_further_try_helps(found, error, kind, message):
    told = explain(found, pycurl.error(*error), "Do it.")
    assert isinstance(told, kind) and "hunter2" not in str(told)
    with pytest.raises(kind, match=message):
        raise told


def test_interrupt_from_the_keyboard_is_no_failure_of_the_server():
    error = pycurl.error(pycurl.E_WRITE_ERROR, "")
    assert explain(head(206), error, "") is error


@pytest.mark.parametrize(("after", "wait_s"), [("7", 7), ("tomorrow", 0), ("-1", 0)])
def test_server_says_how_long_to_wait(after, wait_s):
    assert explain(head(429, retry_after=after), pycurl.error(22, ""), "").wait_s == wait_s


def test_waits_double_up_to_the_longest():
    patience = Patience(first_wait_s=1, longest_wait_s=6)
    for failures, longest in enumerate((1, 2, 4, 6, 6), start=1):
        assert longest / 2 <= patience.wait_s(failures) <= longest
    assert patience.wait_s(1, asked_s=5) == 5
    assert patience.wait_s(1, asked_s=1000) == 6
