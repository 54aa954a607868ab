"""Fetch small documents from public addresses only, resolving once and following no redirects."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpcore2

from auth_server.outbound.resolver import Resolver
from auth_server.outbound.system_trust import system_trust
from auth_server.outbound.traced import calling_http
from gatepost.network.public_address import is_public_address

LIMIT = 16 * 1024
DEADLINE = 5.0

Resolve = Callable[[str, int], Awaitable[list[str]]]


class FetchRefused(Exception):
    """The fetch failed. The reason is only for the logs: it could reveal a network to strangers."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response with status 200."""

    body: bytes
    content_type: str
    cache_control: str


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the address that it checked, so that a second look-up can't differ."""

    def __init__(
        self, resolve: Resolve, *, allow_loopback: bool, allow_private: bool = False
    ) -> None:
        """Create the backend.

        Args:
            resolve: looks up every address of a host.
            allow_loopback: allows addresses of this machine, for development.
            allow_private: allows any address, because the operator configured the host.
        """
        self._allow_private = allow_private
        self._resolve = resolve
        self._allow_loopback = allow_loopback
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first of a host's addresses.

        Raises:
            FetchRefused: an address is not allowed, or the host does not have one.
        """
        try:
            addresses = await self._resolve(host, port)
        except OSError:
            raise FetchRefused("the host does not resolve") from None
        # A private address among public ones is a sign of DNS rebinding.
        if not addresses or not all(self._may_connect(address) for address in addresses):
            raise FetchRefused("the host has an address that is not public")
        return await self._inner.connect_tcp(
            addresses[0], port, timeout, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        """Sleep for the connection pool."""
        await self._inner.sleep(seconds)

    def _may_connect(self, address: str) -> bool:
        if self._allow_private:
            return True
        if self._allow_loopback and address in {"127.0.0.1", "::1"}:
            return True
        return is_public_address(address)


class GuardedFetch:
    """Fetches small JSON documents from URLs that strangers name."""

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        allow_loopback: bool = False,
    ) -> None:
        """Create the fetch, which opens a new connection each time.

        Args:
            resolve: looks up a host's addresses, which must all be public; by default in threads of
                its own.
            tls: the trusted authorities; by default those of the system.
            allow_loopback: allows addresses of this machine, for development.
        """
        self._tls = tls or system_trust()
        self._backend = GuardedBackend(resolve or Resolver(), allow_loopback=allow_loopback)

    async def __call__(self, url: str) -> Fetched:
        """Fetch a document.

        Raises:
            FetchRefused: there is no response in five seconds, its status is not 200, or it is
                larger than 16 KiB.
        """
        try:
            with calling_http("GET", url):
                async with asyncio.timeout(DEADLINE):
                    return await self._fetch(url)
        except TimeoutError:
            raise FetchRefused(f"no complete response within {DEADLINE:g} seconds") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError, ValueError) as error:
            raise FetchRefused(f"the connection failed ({type(error).__name__})") from None
        except httpcore2.TimeoutException:
            raise FetchRefused("the connection timed out") from None

    async def _fetch(self, url: str) -> Fetched:
        headers: dict[bytes | str, bytes | str] = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "gatepost",
        }
        async with (
            httpcore2.AsyncConnectionPool(
                ssl_context=self._tls, network_backend=self._backend, max_keepalive_connections=0
            ) as pool,
            pool.stream("GET", url, headers=headers) as answer,
        ):
            if answer.status != 200:
                raise FetchRefused(f"status {answer.status}")
            body = bytearray()
            async for chunk in answer.aiter_stream():
                body += chunk
                if len(body) > LIMIT:
                    raise FetchRefused(f"larger than {LIMIT} bytes")
            sent = {name.lower(): value for name, value in answer.headers}
        return Fetched(
            bytes(body),
            sent.get(b"content-type", b"").decode("latin-1"),
            sent.get(b"cache-control", b"").decode("latin-1"),
        )
