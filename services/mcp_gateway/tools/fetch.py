"""Fetching an OpenAPI document by URL, for the command line: bounded in size and time."""

import time
import urllib.error
import urllib.request
from http.client import HTTPMessage
from typing import IO
from urllib.parse import urlsplit

from mcp_gateway.tools.document import LARGEST

_SECONDS = 30.0
_CHUNK = 1 << 18


class FetchError(Exception):
    """The document could not be fetched; the message says why, without the URL's secrets."""


class _SameHostRedirects(urllib.request.HTTPRedirectHandler):
    """Follow a redirect only to the same host, never from https to http."""

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
            raise FetchError(f"it redirects to {after.scheme}://{after.netloc}; fetch that instead")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str) -> bytes:
    """Fetch a document over http or https.

    Raises:
        FetchError: another scheme, credentials in the URL, a redirect to another host, an error
            status, more than 64 MiB, or more than 30 seconds.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise FetchError("only http and https URLs can be fetched")
    if "@" in parts.netloc:
        raise FetchError("a URL with a user name or password is not fetched; download the file")
    accept = {"Accept": "application/json, application/yaml, */*;q=0.5"}
    request = urllib.request.Request(url, headers=accept)  # noqa: S310 - the scheme was checked
    opener = urllib.request.build_opener(_SameHostRedirects)
    ends = time.monotonic() + _SECONDS
    chunks: list[bytes] = []
    size = 0
    try:
        with opener.open(request, timeout=_SECONDS) as response:
            while chunk := response.read1(_CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > LARGEST:
                    raise FetchError(f"it is larger than {LARGEST >> 20} MiB")
                if time.monotonic() > ends:
                    raise FetchError(f"it took longer than {_SECONDS:g} seconds")
    except urllib.error.HTTPError as error:
        raise FetchError(f"the server answered {error.code}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise FetchError(f"it can't be reached: {reason}") from None
    return b"".join(chunks)
