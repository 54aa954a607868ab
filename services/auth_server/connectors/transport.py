"""Send requests to providers, only to public addresses, checked at the connection (A142)."""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import httpx2

from auth_server.connectors.port import SignInRefused
from auth_server.outbound.guarded_fetch import (
    FetchRefused,
    GuardedBackend,
    Resolve,
)
from auth_server.outbound.resolver import Resolver
from auth_server.outbound.system_trust import system_trust
from gatepost.settings import LOOPBACK_HOSTS

LIMIT = 512 * 1024
DEADLINE = 10.0

MakeTransport = Callable[[], httpx2.AsyncBaseTransport]


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends each request over its own connection, and reads at most half a megabyte.

    A provider's documents name further URLs, so a configured provider is trusted no more than the
    URLs that strangers name.
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        allow_loopback: bool = False,
        allow_private: bool = False,
    ) -> None:
        """Create the transport.

        Args:
            resolve: looks up a host's addresses, which must all be public; by default in threads of
                its own.
            tls: the trusted authorities; by default those of the system.
            allow_loopback: allows addresses of this machine, for development.
            allow_private: allows private addresses, for a provider in a private network.
        """
        self._tls = tls or system_trust()
        self._backend = GuardedBackend(
            resolve or Resolver(), allow_loopback=allow_loopback, allow_private=allow_private
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request.

        Raises:
            httpx2.TransportError: the address is refused, or no complete response came.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._send(request)
        except (TimeoutError, FetchRefused) as error:
            raise httpx2.ConnectError(str(error) or "no response in time") from None
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
            OSError,
        ) as error:
            raise httpx2.ConnectError(type(error).__name__) from None

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        # Half a megabyte of a compressed answer may be half a gigabyte.
        request.headers["Accept-Encoding"] = "identity"
        async with (
            httpcore2.AsyncConnectionPool(
                ssl_context=self._tls, network_backend=self._backend, max_keepalive_connections=0
            ) as pool,
            pool.stream(
                request.method, str(request.url), headers=request.headers.raw, content=body
            ) as answer,
        ):
            names = {name.lower(): value for name, value in answer.headers}
            if names.get(b"content-encoding", b"identity").lower() != b"identity":
                raise FetchRefused("compressed, although the request does not allow it")
            received = bytearray()
            async for chunk in answer.aiter_stream():
                received += chunk
                if len(received) > LIMIT:
                    raise FetchRefused(f"larger than {LIMIT} bytes")
        return httpx2.Response(answer.status, headers=answer.headers, content=bytes(received))


async def get_json(http: httpx2.AsyncClient, url: str, **headers: str) -> dict[str, Any]:
    """Fetch a JSON object.

    Raises:
        SignInRefused: the URL does not return a JSON object.
    """
    try:
        answer = await http.get(url, headers={"Accept": "application/json", **headers})
        document = json.loads(answer.content) if answer.status_code == 200 else None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise SignInRefused(f"no response from {url}: {error}", told="unavailable") from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise SignInRefused(
            f"no JSON object at {url}: status {answer.status_code}", told="unavailable"
        )
    return document


def read_endpoint(document: Mapping[str, Any], name: str, *, allow_loopback: bool) -> str:
    """Read the URL of an endpoint from a provider's metadata.

    Raises:
        SignInRefused: it is not an https URL, or for development one of this machine.
    """
    url = document.get(name)
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isprintable() else None
    except ValueError:
        parts = None
    local = parts is not None and parts.hostname in LOOPBACK_HOSTS and allow_loopback
    if parts is None or not parts.hostname or not (parts.scheme == "https" or local):
        raise SignInRefused(f"{name} is not an https URL", told="unavailable")
    return str(url)
