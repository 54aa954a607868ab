"""The ASGI app, which divides requests between the MCP endpoint and the operational routes."""

from typing import TypedDict

import structlog
from starlette.applications import Starlette

from mcp_gateway.auth.verify_token import TokenVerifier
from mcp_gateway.front.asgi import Receive, Scope, Send
from mcp_gateway.front.endpoint import McpEndpoint
from mcp_gateway.operational import Health

log = structlog.get_logger()


class State(TypedDict):
    """The values that the lifespan puts into every request's scope."""

    endpoint: McpEndpoint
    verifier: TokenVerifier
    health: Health


class Gateway:
    """Routes the MCP endpoint's exact path to the endpoint, and everything else to Starlette."""

    def __init__(self, path: str, operational: Starlette) -> None:
        """Take the endpoint's path and the app for the other routes."""
        self._paths = frozenset({path, f"{path}/"})
        self._operational = operational
        self.router = operational.router  # its lifespan opens the resources of both

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["path"] in self._paths:
            await scope["state"]["endpoint"](scope, receive, send)
            return
        try:
            await self._operational(scope, receive, send)
        except Exception:  # answered by `fault` already; Starlette raises it again
            if scope["type"] != "http":
                raise
            log.exception("request_fault")
