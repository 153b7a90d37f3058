"""What all requests over HTTP share: the connection, what a server says first, what its failures mean."""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import pycurl

from galaxypair import __version__
from galaxypair.errors import DataError
from galaxypair.fetch.address import public

IN_HAND = 32 * 1024  # bytes received at most before they are handed on
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}  # HTTP status
_MEANINGS = {401: "wants a login", 403: "refuses it", 404: "has no such file", 410: "has it no longer"}
_HOPELESS = {  # errors of libcurl that the next try would meet as well
    pycurl.E_UNSUPPORTED_PROTOCOL,
    pycurl.E_URL_MALFORMAT,
    pycurl.E_TOO_MANY_REDIRECTS,
    pycurl.E_SSL_CACERT,
    pycurl.E_SSL_CACERT_BADFILE,
}


class InterruptedTransferError(ConnectionError):
    """The connection ended early: a further try may bring more.

    Attributes
    ----------
    wait_s : float
        How long the server asked to wait [s]; 0 if it did not.
    """

    def __init__(self, reason: str, wait_s: float = 0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Patience:
    """When a connection counts as dead, and how often to try again.

    Attributes
    ----------
    connect_s, stall_s : float
        Seconds without a connection, and with less than `stall_bytes_per_s`, after which to give it up.
    stall_bytes_per_s : int
    tries : int
        In a row, without a byte more than before.
    first_wait_s, longest_wait_s : float
        Before the second try, doubled for each further one up to the longest.
    """

    connect_s: float = 30
    stall_s: float = 60
    stall_bytes_per_s: int = 1000
    tries: int = 8
    first_wait_s: float = 1
    longest_wait_s: float = 120

    def wait_s(self, failures: int, asked_s: float = 0) -> float:
        """Say how long to wait before the next try.

        Parameters
        ----------
        failures : int
            In a row, at least one.
        asked_s : float, default=0
            What the server asked for [s].

        Returns
        -------
        float
            Seconds, drawn such that clients that failed together do not come back together.
        """
        wait_s = min(self.first_wait_s * 2 ** (failures - 1), self.longest_wait_s)
        return max(wait_s * random.uniform(0.5, 1), min(asked_s, self.longest_wait_s))


DEFAULT_PATIENCE = Patience()


class Head:
    """What a server says before the bytes: of the last answer, where redirects led through several.

    Parameters
    ----------
    url : str
        Asked for.

    Attributes
    ----------
    address : str
        After redirects; may hold credentials, see `address.public`.
    status : int
        0 before the first answer.
    headers : dict of str to str
        Names in lower case.
    """

    def __init__(self, url: str) -> None:
        self.address, self.status, self.headers = url, 0, {}

    def take(self, line: bytes) -> None:
        """Read one line of it.

        Parameters
        ----------
        line : bytes
        """
        text = line.decode("latin-1").strip()
        if text.startswith("HTTP/"):
            self.status, self.headers = int(text.split()[1]), {}
        elif ":" in text:
            name, _, value = text.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        elif not text and 300 <= self.status < 400 and "location" in self.headers:
            self.address = urljoin(self.address, self.headers["location"])


def prepare(
    curl: pycurl.Curl, url: str, head: Head, body: Callable[[bytes], int], patience: Patience
) -> None:
    """Set the options of a request: where to, where else a redirect may lead, when to give up.

    Parameters
    ----------
    curl : pycurl.Curl
    url : str
        http or https; from https no redirect leads to http.
    head : Head
        Gets what the server says first.
    body : callable
        Gets the bytes, none of the page of an error.
    patience : Patience
    """
    secure = urlsplit(url).scheme == "https"
    for option, value in {
        pycurl.URL: url,
        pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
        pycurl.REDIR_PROTOCOLS: pycurl.PROTO_HTTPS | (0 if secure else pycurl.PROTO_HTTP),
        pycurl.FOLLOWLOCATION: 1,
        pycurl.MAXREDIRS: 10,
        pycurl.FAILONERROR: 1,
        pycurl.CONNECTTIMEOUT_MS: int(1000 * patience.connect_s),
        pycurl.LOW_SPEED_TIME: max(1, round(patience.stall_s)),
        pycurl.LOW_SPEED_LIMIT: patience.stall_bytes_per_s,
        pycurl.TCP_KEEPALIVE: 1,
        pycurl.NOSIGNAL: 1,
        pycurl.BUFFERSIZE: IN_HAND,
        pycurl.USERAGENT: f"galaxypair/{__version__}",
        pycurl.HEADERFUNCTION: head.take,
        pycurl.WRITEFUNCTION: body,
    }.items():
        curl.setopt(option, value)
    if bundle := os.environ.get("CURL_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE"):
        curl.setopt(pycurl.CAINFO, bundle)  # as the program curl does, for institutes with their own root


def explain(head: Head, error: pycurl.error, remedy: str) -> Exception:
    """Say what a failed request means.

    Parameters
    ----------
    head : Head
    error : pycurl.error
    remedy : str
        What to do if this address does not give the file.

    Returns
    -------
    Exception
        InterruptedTransferError if a further try may help, DataError if none can. An interrupt from the
        keyboard that met a callback, which libcurl tells as its failure, comes back as it is.
    """
    (code, text), address = error.args, public(head.address)
    if code == pycurl.E_WRITE_ERROR:
        return error
    if code == pycurl.E_HTTP_RETURNED_ERROR:
        if head.status in _TRY_AGAIN:
            after = head.headers.get("retry-after", "")
            return InterruptedTransferError(
                f"HTTP status {head.status}", float(after) if after.isdigit() else 0
            )
        meaning = _MEANINGS.get(head.status, "does not give it")
        return DataError(f"`{address}`: the server {meaning} (HTTP status {head.status}). {remedy}")
    if code in _HOPELESS:
        return DataError(f"`{address}`: {text or 'cannot be fetched'} (curl error {code}). {remedy}")
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return InterruptedTransferError("nothing more came")
    return InterruptedTransferError(f"{text or 'the connection ended'} (curl error {code})")
