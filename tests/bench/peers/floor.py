"""The floor of the gateway's bench: a raw ASGI app that only forwards with aiohttp.

`python floor.py PORT TARGET`.
"""

import sys
from typing import Any

import aiohttp
import uvicorn


class Floor:
    """Forward every request."""

    def __init__(self, target: str) -> None:
        """Take the URL to forward to; the session opens with the first request."""
        self._target = target
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector)
        async with self._session.get(self._target) as response:
            body = await response.read()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        Floor(sys.argv[2]),
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
