"""The ASGI app, which divides requests between the MCP endpoint and the operational routes."""

from typing import TypedDict

import structlog
from starlette.applications import Starlette

from gatepost.network.organisation_address import has_address, organisation_prefix
from mcp_gateway.auth.verify_token import TokenVerifier
from mcp_gateway.front.asgi import Receive, Scope, Send
from mcp_gateway.front.endpoint import McpEndpoint
from mcp_gateway.notifications.take_event import TakeEvent
from mcp_gateway.operational import Health

log = structlog.get_logger()


class State(TypedDict):
    """The values that the lifespan puts into every request's scope."""

    endpoint: McpEndpoint
    verifier: TokenVerifier
    take_event: TakeEvent
    health: Health


class Gateway:
    """Routes the paths of the MCP endpoint to the endpoint, and everything else to Starlette."""

    def __init__(self, path: str, operational: Starlette) -> None:
        """Take the endpoint's path and the app for the other routes."""
        self._paths = frozenset({path, f"{path}/"})
        self._organisations = organisation_prefix(path)
        self._operational = operational
        self.router = operational.router  # its lifespan opens the resources of both

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["path"] in self._paths:
            await scope["state"]["endpoint"](scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"].startswith(self._organisations):
            organisation = scope["path"].removeprefix(self._organisations).removesuffix("/")
            # An encoded path is another spelling of an address, and a token names only one.
            if has_address(organisation) and b"%" not in scope.get("raw_path", b""):
                await scope["state"]["endpoint"](scope, receive, send, organisation)
                return
        try:
            await self._operational(scope, receive, send)
        except Exception:  # answered by `fault` already; Starlette raises it again
            if scope["type"] != "http":
                raise
            log.exception("request_fault")
