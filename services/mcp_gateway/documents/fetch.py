"""Fetch OpenAPI documents by URL for the command line, with limits of size and time.

`fetch` takes a URL that a person typed. `fetch_public` takes a URL that a document names: it connects
only to public addresses, resolves the host once, and follows no redirects.
"""

import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPMessage
from typing import IO
from urllib.parse import SplitResult, urlsplit

from gatepost.document import LARGEST
from gatepost.network.public_address import is_public_address

_SECONDS = 30.0
_CHUNK = 1 << 18
_ACCEPT = {"Accept": "application/json, application/yaml, */*;q=0.5"}


class FetchError(Exception):
    """The document can't be fetched; the message says why, without secrets from the URL."""


class _SameHostRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to the same host, and never from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Refuse a redirect that leaves the host."""
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        downgraded = before.scheme == "https" and after.scheme != "https"
        if after.hostname != before.hostname or downgraded or after.scheme not in {"http", "https"}:
            fp.close()
            raise FetchError(f"it redirects to {after.scheme}://{after.netloc}; fetch that instead")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str) -> bytes:
    """Fetch a document over http or https.

    Raises:
        FetchError: the URL has another scheme or credentials, or the server redirects to another
            host, answers an error, sends more than 64 MiB or takes more than 30 seconds.
    """
    _split(url)
    request = urllib.request.Request(url, headers=_ACCEPT)  # noqa: S310 - the scheme was checked
    opener = urllib.request.build_opener(_SameHostRedirects)
    ends = time.monotonic() + _SECONDS
    try:
        with opener.open(request, timeout=_SECONDS) as response:
            return _read(response.read1, ends)
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(f"the server answered {error.code}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise FetchError(f"it can't be reached: {reason}") from None


def fetch_public(url: str) -> bytes:
    """Fetch a document over http or https from a public address, following no redirect.

    Raises:
        FetchError: as for `fetch`; also if any address of the host is not public.
    """
    parts = _split(url)
    ends = time.monotonic() + _SECONDS
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not all(map(is_public_address, addresses)):
            raise FetchError("its host has an address that is not public")
        connection = _Pinned(parts, port, addresses[0])
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers=_ACCEPT)
            response = connection.getresponse()
            if response.status != 200:
                raise FetchError(f"the server answered {response.status}")
            return _read(response.read1, ends)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise FetchError(f"it can't be reached: {error}") from None


class _Pinned(http.client.HTTPConnection):
    """A connection to a fixed address, for one host name."""

    def __init__(self, parts: SplitResult, port: int, address: str) -> None:
        super().__init__(str(parts.hostname), port, timeout=_SECONDS)
        self._is_tls = parts.scheme == "https"
        self._address = address

    def connect(self) -> None:
        """Connect to the checked address, and require a certificate for the host name."""
        self.sock = socket.create_connection((self._address, self.port), timeout=_SECONDS)
        if self._is_tls:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise FetchError("only http and https URLs can be fetched")
    if "@" in parts.netloc:
        raise FetchError("a URL with a user name or password is not fetched; download the file")
    return parts


def _read(read: Callable[[int], bytes], ends: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST:
            raise FetchError(f"it is larger than {LARGEST >> 20} MiB")
        if time.monotonic() > ends:
            raise FetchError(f"it took longer than {_SECONDS:g} seconds")
    return b"".join(chunks)
