"""Requests to the upstream API over our own HTTP/1.1 connections."""

import asyncio
import re
import ssl
from functools import lru_cache
from typing import Self
from urllib.parse import urlsplit

from mcp_gateway.upstream.connection import Answer, Connection, Unanswered
from mcp_gateway.upstream.content_coding import decode_content
from mcp_gateway.upstream.failures import deadline_passed, unreachable
from mcp_gateway.upstream.pool import Pool
from mcp_gateway.upstream.port import UpstreamFailed, UpstreamResponse
from mcp_gateway.upstream.request import UpstreamRequest

MAX_RESPONSE = 4 << 20
"""Bytes of an answer, before and after decompression."""
MAX_CONNECTIONS = 512
"""To one origin."""
IDLE = 15.0
"""Seconds that an idle connection is kept."""

_URL = re.compile(r"(https?://[!-\"$-.0->@-~]+)([!-\"$-~]*)(?:#[!-~]*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# What frames a message is for this client alone to say.
_FRAMING = frozenset(
    {"connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"}
)


class Http1Upstream:
    """The upstream API over HTTP: no redirects, no cookies kept, no proxy from the environment."""

    def __init__(
        self,
        *,
        max_response: int = MAX_RESPONSE,
        max_connections: int = MAX_CONNECTIONS,
        idle: float = IDLE,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the limits, and whom to trust: the system's authorities where nothing is said."""
        self._max_response = max_response
        self._max_connections = max_connections
        self._idle = idle
        self._tls = tls
        self._pools: dict[str, Pool] = {}

    async def __aenter__(self) -> Self:
        """Hand out the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()
        await asyncio.sleep(0)  # for the transports to go

    async def send(self, request: UpstreamRequest, *, deadline: float) -> UpstreamResponse:
        """Send within `deadline` seconds and read the whole answer.

        Raises:
            UpstreamFailed: nothing answered in time, or the answer is too large or unreadable.
        """
        try:
            origin, written = write_request(request)
        except ValueError as problem:
            raise UpstreamFailed(
                "unwritable", f"The request can't be written: {problem}."
            ) from None
        pool = self._pools.get(origin) or self._open_pool(origin)
        until = asyncio.get_running_loop().time() + deadline
        try:
            answer = await self._send(pool, request.method, written, until)
        except TimeoutError:
            raise deadline_passed(deadline) from None
        except (OSError, Unanswered) as error:
            raise unreachable() from error
        headers = answer.headers
        coding = headers.get(b"content-encoding")
        body = answer.body
        if coding is not None:
            body = decode_content(body, coding.decode("latin-1"), self._max_response)
        return UpstreamResponse(
            answer.status,
            headers.get(b"content-type", b"").decode("latin-1"),
            body,
            headers.get(b"retry-after", b"").decode("latin-1"),
            headers.get(b"link", b"").decode("latin-1"),
        )

    async def _send(self, pool: Pool, method: str, written: bytes, until: float) -> Answer:
        connection = pool.take()
        if connection is None:
            connection = await _connect(pool, until)
        try:
            return await _ask(connection, method, written, until)
        except Unanswered as lost:
            # An API may close a connection it kept just when the next request comes (RFC 9112 §9.6).
            # Once more, where that can't do a thing twice.
            if not connection.reused or (lost.sent and method not in _SAFE):
                raise
        return await _ask(await _connect(pool, until), method, written, until)

    def _open_pool(self, origin: str) -> Pool:
        parts = urlsplit(origin)
        if self._tls is None and parts.scheme == "https":
            # Takes tens of milliseconds: once for all of them, and only where it is needed.
            self._tls = ssl.create_default_context()
        pool = Pool(
            parts.hostname or "",
            parts.port or (443 if parts.scheme == "https" else 80),
            tls=self._tls if parts.scheme == "https" else None,
            most_connections=self._max_connections,
            most_content=self._max_response,
            idle=self._idle,
        )
        return self._pools.setdefault(origin, pool)


async def _connect(pool: Pool, until: float) -> Connection:
    async with asyncio.timeout_at(until):
        return await pool.connect()


async def _ask(connection: Connection, method: str, written: bytes, until: float) -> Answer:
    answer = connection.ask(written, until=until, bodiless=method == "HEAD")
    try:
        return await answer
    except asyncio.CancelledError:
        connection.give_up(answer)
        raise


def write_request(request: UpstreamRequest) -> tuple[str, bytes]:
    """Write a request as bytes (RFC 9112 §3).

    Returns:
        The origin to send it to, then the bytes.

    Raises:
        ValueError: it can't be written as one request.
    """
    url = _URL.fullmatch(request.url)
    if url is None:
        raise ValueError("the URL is malformed")
    origin, target = url.groups()
    host = origin.partition("//")[2]
    if "@" in host:
        raise ValueError("the URL holds a password")
    if not target.startswith("/"):
        target = "/" + target
    lines = [f"{request.method} {target} HTTP/1.1"]
    names = set()
    for name, value in request.headers:
        names.add(_check_name(name))
        lines.append(f"{name}: {value}")
    if "host" not in names:
        lines.insert(1, f"Host: {host}")
    if "user-agent" not in names:
        lines.append("User-Agent: gatepost")
    if "accept" not in names:
        lines.append("Accept: */*")
    if "accept-encoding" not in names:
        lines.append("Accept-Encoding: gzip")
    if request.body or request.method in _WITH_BODY:
        lines.append(f"Content-Length: {len(request.body)}")
    head = "\r\n".join(lines)
    breaks = len(lines) - 1
    if head.count("\r") != breaks or head.count("\n") != breaks or "\0" in head:
        raise ValueError("a header holds a line break")
    return origin, head.encode() + b"\r\n\r\n" + request.body


@lru_cache(1024)
def _check_name(name: str) -> str:
    """Check a header's name and write it in lower case."""
    lower = name.lower()
    if not _NAME.fullmatch(name) or lower in _FRAMING:
        raise ValueError(f"the header {name[:80]!r} can't be sent")
    return lower
