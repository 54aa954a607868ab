"""One request over bare ASGI, whose answer a test reads as it comes, and may leave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from support.in_process.gateway import META, MODERN, USUAL, World


@dataclass
class Talk:
    """The client's end of one request."""

    sent: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    ended: bool = False

    async def chunk(self) -> bytes:
        """Wait for the next piece of the body."""
        message = await self.sent.get()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): text.decode() for name, text in message["headers"]}
            message = await self.sent.get()
        self.ended = not message.get("more_body", False)
        body: bytes = message["body"]
        return body

    async def message(self) -> Any:
        """Wait for the next JSON-RPC message, as an event or as the whole body."""
        text = await self.chunk()
        while text.startswith(b":"):
            text = await self.chunk()
        if self.headers["content-type"] == "text/event-stream":
            assert text.startswith(b"data: "), text
            assert text.endswith(b"\n\n"), text
            assert text.count(b"\n") == 2, text
        return orjson.loads(text.removeprefix(b"data: "))

    async def messages(self) -> list[Any]:
        """Read to the end."""
        read = [await self.message()]
        while not self.ended:
            read.append(await self.message())
        return read


@asynccontextmanager
async def talking(
    world: World,
    era: str,
    method: str,
    params: dict[str, Any],
    *,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Talk]:
    """Send one request of the era named `old` or `new`, and hang up in the end."""
    meta = {**(META if era == "new" else {}), **params.get("_meta", {})}
    params = {**params, "_meta": meta}
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    lines = {"host": "127.0.0.1:8401", "authorization": f"Bearer {world.token()}", **USUAL}
    if era == "new":
        lines |= {"mcp-protocol-version": MODERN, "mcp-method": method}
        if "name" in params:
            lines["mcp-name"] = params["name"]
    else:
        lines["mcp-protocol-version"] = "2025-11-25"
    async with _requesting(world, "POST", lines | (headers or {}), body) as talk:
        yield talk


@asynccontextmanager
async def streaming(world: World, headers: dict[str, str] | None = None) -> AsyncIterator[Talk]:
    """Ask for the stream of the handshake era, and hang up in the end."""
    lines = {
        "host": "127.0.0.1:8401",
        "authorization": f"Bearer {world.token()}",
        "accept": "text/event-stream",
        "mcp-protocol-version": "2025-11-25",
    }
    async with _requesting(world, "GET", lines | (headers or {})) as talk:
        yield talk


@asynccontextmanager
async def _requesting(
    world: World, verb: str, lines: dict[str, str], body: bytes = b""
) -> AsyncIterator[Talk]:
    talk, bodies = Talk(), [body]

    async def receive() -> Any:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        await talk.left.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "path": "/mcp",
        "method": verb,
        "headers": [(name.encode(), text.encode()) for name, text in lines.items()],
    }
    serve = world.http._transport.app  # type: ignore[attr-defined] # the app with its state
    serving = asyncio.create_task(serve(scope, receive, talk.sent.put))
    try:
        yield talk
    finally:
        talk.left.set()
        await serving


async def initialize(world: World, capabilities: dict[str, Any], **more: Any) -> dict[str, str]:
    """Begin as a client of the handshake era; return the headers to send from then on."""
    params = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {}}
    answer = await world.old("initialize", params, **more)
    assert answer.status_code == 200, answer.text
    session = answer.headers.get("mcp-session-id")
    return {"mcp-session-id": session} if session else {}
