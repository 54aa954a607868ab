"""Orbit Invoicing behind a gateway in this process, which signs for its callers and writes its forms."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

import demo_invoicing
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import World

HERE = Path(demo_invoicing.__file__).parent
URL = "http://127.0.0.1:8404"
KEY = "key-of-the-gateway-0123456789"


@dataclass
class Invoicing:
    """The API, called through the gateway, or past it."""

    http: httpx2.AsyncClient
    world: World | None = None
    lose_answers: int = 0
    """How many answers get lost on the way back."""
    requests: list[HttpRequest] = field(default_factory=list)

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Carry a request of the gateway."""
        self.requests.append(request)
        answer = await self.http.request(
            request.method, request.url, headers=list(request.headers), content=request.body
        )
        if self.lose_answers:
            self.lose_answers -= 1
            return HttpResponse(502, "text/plain", b"")  # of a proxy on the way
        kind = answer.headers.get("content-type", "")
        return HttpResponse(answer.status_code, kind, answer.content)

    async def call(self, tool: str, arguments: Any = None, **caller: Any) -> Any:
        """Call a tool, and return what the API answered, or the text of the error."""
        assert self.world is not None
        token = self.world.token(
            **{"data_scope": "", "allowed_tools": ["@read", "@write"], **caller}
        )
        result = await self.world.call("new", tool, arguments, token=token)
        return result["content"][0]["text"] if result["isError"] else result["structuredContent"]
