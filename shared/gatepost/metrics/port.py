"""Serve the metrics on a port of their own, which is not for the public."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import socket

from gatepost.metrics.series import CONTENT_TYPE, Page

_PATIENCE = 5.0
"""Seconds that a reader has to send a request and to take the answer."""
_MOST_READERS = 16


@asynccontextmanager
async def serving_metrics(page: Page, bound: socket | None) -> AsyncIterator[None]:
    """Answer `GET /metrics` on a bound socket, if there is one, for as long as the block lasts."""
    if bound is None:
        yield
        return
    readers = asyncio.Semaphore(_MOST_READERS)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE), readers:
                line, *_ = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
                writer.write(await _answer(page, line))
                await writer.drain()
        except (TimeoutError, OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, sock=bound, limit=8192)
    try:
        yield
    finally:
        server.close()


async def _answer(page: Page, line: bytes) -> bytes:
    if line.split(b" ")[:2] != [b"GET", b"/metrics"]:
        return _write("404 Not Found", "text/plain", "The metrics are at /metrics.\n")
    return _write("200 OK", CONTENT_TYPE, await page.write())


def _write(status: str, media_type: str, text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join([*head, "", ""]).encode() + body
