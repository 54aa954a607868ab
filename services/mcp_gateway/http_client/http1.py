"""Send requests over the gateway's own HTTP/1.1 connections."""

import asyncio
import re
import ssl
from functools import lru_cache
from typing import Self
from urllib.parse import urlsplit

from mcp_gateway.http_client.connection import Answer, Connection, Unanswered
from mcp_gateway.http_client.content_coding import decode_content
from mcp_gateway.http_client.failures import deadline_passed, unreachable
from mcp_gateway.http_client.pool import Pool
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest

MAX_RESPONSE = 4 << 20
"""Bytes of an answer, before and after decompression."""
MAX_CONNECTIONS = 512
"""The most connections to one origin."""
IDLE = 15.0
"""Seconds for which an idle connection is kept."""

_URL = re.compile(r"(https?://[!-\"$-.0->@-~]+)([!-\"$-~]*)(?:#[!-~]*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# Only this client may set the headers that frame a message.
_FRAMING = frozenset(
    {"connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"}
)


class Http1Client:
    """Sends requests without following redirects, storing cookies or using the environment's proxy."""

    def __init__(
        self,
        *,
        max_response: int = MAX_RESPONSE,
        max_connections: int = MAX_CONNECTIONS,
        idle: float = IDLE,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the limits, and the TLS context, which defaults to the system's authorities."""
        self._max_response = max_response
        self._max_connections = max_connections
        self._idle = idle
        self._tls = tls
        self._pools: dict[tuple[str, str | None], Pool] = {}

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        for pool in list(self._pools.values()):
            pool.close()
        await asyncio.sleep(0)  # lets the transports close

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Send within `deadline` seconds and read the whole answer.

        Raises:
            RequestFailed: no answer arrived in time, or it is too large or unreadable.
        """
        try:
            origin, written = write_request(request)
        except ValueError as problem:
            raise RequestFailed("unwritable", f"The request can't be written: {problem}.") from None
        partition = request.partition
        pool = self._pools.get((origin, partition)) or self._open_pool(origin, partition)
        until = asyncio.get_running_loop().time() + deadline
        try:
            answer = await self._send(pool, request, written, until)
        except TimeoutError:
            raise deadline_passed(deadline) from None
        except (OSError, Unanswered) as error:
            raise unreachable() from error
        headers = answer.headers
        coding = headers.get(b"content-encoding")
        body = answer.body
        if coding is not None:
            body = decode_content(body, coding.decode("latin-1"), self._max_response)
        return HttpResponse(
            answer.status,
            headers.get(b"content-type", b"").decode("latin-1"),
            body,
            headers.get(b"retry-after", b"").decode("latin-1"),
            headers.get(b"link", b"").decode("latin-1"),
            headers.get(b"mcp-session-id", b"").decode("latin-1"),
        )

    async def _send(self, pool: Pool, request: HttpRequest, written: bytes, until: float) -> Answer:
        connection = pool.take()
        if connection is None:
            connection = await _connect(pool, until)
        try:
            return await _ask(connection, request, written, until)
        except Unanswered as lost:
            # The API may close an idle connection just as the next request arrives (RFC 9112 §9.6).
            # Send the request again, unless the API may have seen it and repeating it is unsafe.
            if not connection.reused or (lost.sent and request.method not in _SAFE):
                raise
        return await _ask(await _connect(pool, until), request, written, until)

    def _open_pool(self, origin: str, partition: str | None) -> Pool:
        parts = urlsplit(origin)
        if self._tls is None and parts.scheme == "https":
            # Creating the context takes tens of milliseconds, so it is shared and made on demand.
            self._tls = ssl.create_default_context()
        pool = Pool(
            parts.hostname or "",
            parts.port or (443 if parts.scheme == "https" else 80),
            tls=self._tls if parts.scheme == "https" else None,
            most_connections=self._max_connections,
            most_content=self._max_response,
            idle=self._idle,
            reusable=partition is not None,
            emptied=lambda: self._close_pool(origin, partition),
        )
        return self._pools.setdefault((origin, partition), pool)

    def _close_pool(self, origin: str, partition: str | None) -> None:
        # Tenants come and go; the pools that all requests share stay.
        if partition:
            self._pools.pop((origin, partition), None)


async def _connect(pool: Pool, until: float) -> Connection:
    async with asyncio.timeout_at(until):
        return await pool.connect()


async def _ask(
    connection: Connection, request: HttpRequest, written: bytes, until: float
) -> Answer:
    bodiless = request.method == "HEAD"
    answer = connection.ask(written, until=until, bodiless=bodiless, ends=request.ends)
    try:
        return await answer
    except asyncio.CancelledError:
        connection.give_up(answer)
        raise


def write_request(request: HttpRequest) -> tuple[str, bytes]:
    """Write a request as bytes (RFC 9112 §3).

    Returns:
        The origin to send it to, then the bytes.

    Raises:
        ValueError: the request can't be written safely.
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
    form, lines = _write_form(tuple([name for name, _ in request.headers]), host)
    length = ""
    if request.body or request.method in _WITH_BODY:
        length = f"Content-Length: {len(request.body)}\r\n"
    values = [value for _, value in request.headers]
    head = f"{request.method} {target} HTTP/1.1\r\n{form % tuple(values)}{length}\r\n"
    lines += bool(length)
    if head.count("\r") != lines or head.count("\n") != lines or "\0" in head:
        raise ValueError("a header holds a line break")
    return origin, head.encode() + request.body


@lru_cache(1024)
def _write_form(names: tuple[str, ...], host: str) -> tuple[str, int]:
    """Write a template of a head for these header names, which are the same for each operation.

    Returns:
        The template without the request line, and the number of lines of the whole head.
    """
    given = {name.lower() for name in names}
    for name in names:
        if not _NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise ValueError(f"the header {name[:80]!r} can't be sent")
    own = {"Host": host, "User-Agent": "gatepost", "Accept": "*/*", "Accept-Encoding": "gzip"}
    lines = [f"{name}: {value}" for name, value in own.items() if name.lower() not in given]
    form = "".join(f"{line}\r\n".replace("%", "%%") for line in lines)
    form += "".join(f"{name.replace('%', '%%')}: %s\r\n" for name in names)
    return form, len(lines) + len(names) + 2
