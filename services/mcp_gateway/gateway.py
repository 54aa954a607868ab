"""The ASGI app: which half of the gateway answers a connection."""

from typing import TypedDict

from starlette.applications import Starlette

from mcp_gateway.auth.verify_token import TokenVerifier
from mcp_gateway.front.asgi import Receive, Scope, Send
from mcp_gateway.front.endpoint import McpEndpoint
from mcp_gateway.operational import Health


class State(TypedDict):
    """What the lifespan leaves in every request's scope."""

    endpoint: McpEndpoint
    verifier: TokenVerifier
    health: Health


class Gateway:
    """Sends the MCP endpoint's exact path to the endpoint, everything else through Starlette."""

    def __init__(self, path: str, operational: Starlette) -> None:
        """Take the endpoint's path and the app for the other routes."""
        self._paths = frozenset({path, f"{path}/"})
        self._operational = operational
        self.router = operational.router  # whose lifespan opens what both sides use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["path"] in self._paths:
            await scope["state"]["endpoint"](scope, receive, send)
        else:
            await self._operational(scope, receive, send)
