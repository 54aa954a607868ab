"""A token endpoint on a loopback socket: real HTTP, and answers that a test decides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson

from support.processes.raw_api import Call, RawApi, running_raw_api


@dataclass
class TokenEndpoint:
    """Issues `token-1`, `token-2` … for 100 seconds each, and records the requests."""

    api: RawApi
    forms: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    status: int = 200
    body: dict[str, Any] | bytes | None = None
    """The answer instead of a token."""
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    """Released by each request that comes."""
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing is answered until this is set."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{self.api.url}/token"

    async def serve(self, call: Call) -> None:
        """Answer one request."""
        sent = parse_qs(call.body.decode(), strict_parsing=True)
        self.forms.append({name: text for name, [text] in sent.items()})
        lines = call.head.decode().split("\r\n")
        found = [line.partition(": ")[2] for line in lines if line.startswith("Authorization: ")]
        self.authorizations.append(found[0] if found else "")
        number = len(self.forms)
        self.asked.release()
        await self.open.wait()
        answer = self.body
        if answer is None:
            token = {"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": 100}
            answer = token
        body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(body)}\r\n\r\n"
        await call.say(head.encode() + body)


@asynccontextmanager
async def running_token_endpoint() -> AsyncIterator[TokenEndpoint]:
    """Serve on a loopback port."""
    async with running_raw_api() as api:
        endpoint = TokenEndpoint(api)
        endpoint.open.set()
        api.script = endpoint.serve
        yield endpoint
