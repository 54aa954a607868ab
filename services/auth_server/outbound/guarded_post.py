"""Post small messages to URLs that customers name, resolving once and following no redirects."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpcore2

from auth_server.outbound.guarded_fetch import FetchRefused, GuardedBackend, Resolve
from auth_server.outbound.resolver import Resolver
from auth_server.outbound.system_trust import system_trust
from auth_server.outbound.traced import calling_http

DEADLINE = 15.0
_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Answered:
    """The status of a response, and the first KiB of its body."""

    status: int
    body: bytes


class GuardedPost:
    """Posts to public addresses only, except where the caller vouches for the host."""

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        allow_loopback: bool = False,
    ) -> None:
        """Take the same as `GuardedFetch`; each post opens a new connection."""
        resolve = resolve or Resolver(threads=32)
        self._tls = tls or system_trust()
        self._public = GuardedBackend(resolve, allow_loopback=allow_loopback)
        self._any = GuardedBackend(resolve, allow_loopback=True, allow_private=True)

    async def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, *, private: bool = False
    ) -> Answered:
        """Post a body.

        Args:
            url: where to post it.
            headers: the headers to add.
            body: the bytes to send.
            private: whether the host may have any address, because the operator named it.

        Raises:
            FetchRefused: there is no response within 15 seconds, or the address is not allowed.
        """
        try:
            with calling_http("POST", url):
                async with asyncio.timeout(DEADLINE):
                    backend = self._any if private else self._public
                    return await self._post(url, headers, body, backend)
        except TimeoutError:
            raise FetchRefused(f"no response within {DEADLINE:g} seconds") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError, ValueError) as error:
            raise FetchRefused(f"the connection failed ({type(error).__name__})") from None
        except httpcore2.TimeoutException:
            raise FetchRefused("the connection timed out") from None

    async def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, backend: GuardedBackend
    ) -> Answered:
        sent: dict[bytes | str, bytes | str] = {
            "Accept-Encoding": "identity",
            "Content-Length": str(len(body)),
            "User-Agent": "gatepost",
        }
        sent.update(headers.items())
        async with (
            httpcore2.AsyncConnectionPool(
                ssl_context=self._tls, network_backend=backend, max_keepalive_connections=0
            ) as pool,
            pool.stream("POST", url, headers=sent, content=body) as answer,
        ):
            begun = bytearray()
            async for chunk in answer.aiter_stream():
                begun += chunk
                if len(begun) >= _LIMIT:
                    break
        return Answered(answer.status, bytes(begun[:_LIMIT]))
