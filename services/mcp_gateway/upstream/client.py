"""Requests to the upstream API over a pool of connections (aiohttp)."""

import asyncio
import zlib
from typing import Self

import aiohttp
import yarl

from mcp_gateway.upstream.port import UpstreamFailed, UpstreamResponse
from mcp_gateway.upstream.request import UpstreamRequest

MAX_RESPONSE = 4 << 20
"""Bytes of an answer, before and after decompression."""
_MAX_CONNECTIONS = 512


class AiohttpUpstream:
    """The upstream API over HTTP: no redirects, no cookies kept, no proxy from the environment."""

    def __init__(self, *, max_response: int = MAX_RESPONSE) -> None:
        """Open the pool; needs a running event loop, and `close` in the end."""
        self._max_response = max_response
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),
            headers={"User-Agent": "gatepost", "Accept-Encoding": "gzip"},
            skip_auto_headers=("Content-Type",),
            auto_decompress=False,  # decompressed below, never past the limit
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        """Hand out the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self._session.close()

    async def send(self, request: UpstreamRequest, *, deadline: float) -> UpstreamResponse:
        """Send within `deadline` seconds and read the whole answer.

        Raises:
            UpstreamFailed: nothing answered in time, or the answer is too large or unreadable.
        """
        try:
            async with (
                asyncio.timeout(deadline),
                self._session.request(
                    request.method,
                    # As written: encoding it again would part it from the assertion's `htu`.
                    yarl.URL(request.url, encoded=True),
                    headers=request.headers,
                    data=request.body or None,
                    allow_redirects=False,
                ) as response,
            ):
                body = await self._read(response)
        except TimeoutError:
            raise UpstreamFailed(
                "deadline",
                f"The API did not answer within {deadline:g} seconds. "
                "Whether the call took effect there is not known.",
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamFailed(
                "unreachable", "The API can't be reached or broke the connection off."
            ) from error
        return UpstreamResponse(response.status, response.headers.get("Content-Type", ""), body)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := await response.content.readany():
            size += len(chunk)
            if size > self._max_response:
                raise self._too_large()
            chunks.append(chunk)
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding == "identity" or not body:
            return body
        if encoding != "gzip":
            raise UpstreamFailed("unreadable", "The API's answer is in an encoding not asked for.")
        return self._decompress(body)

    def _decompress(self, body: bytes) -> bytes:
        decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            plain = decoder.decompress(body, self._max_response + 1)
        except zlib.error:
            raise UpstreamFailed("unreadable", "The API's answer is damaged.") from None
        if len(plain) > self._max_response:
            raise self._too_large()
        if not decoder.eof:
            raise UpstreamFailed("unreadable", "The API's answer is cut off.")
        return plain

    def _too_large(self) -> UpstreamFailed:
        limit = self._max_response / (1 << 20)
        return UpstreamFailed(
            "too_large", f"The API's answer is larger than {limit:g} MiB. Ask for less at a time."
        )
