"""What both eras answer from: the catalogue's listing, the pipeline, the server's name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_types.jsonrpc import INVALID_PARAMS

from gatepost.claims import AccessClaims
from mcp_gateway.auth.challenge import Challenge
from mcp_gateway.pipeline.call import Next, Parts, ToolCall, ToolResult, UnknownTool
from mcp_gateway.wire.jsonrpc import RpcError
from mcp_gateway.wire.listing import Listing

CAPABILITIES: Mapping[str, Any] = {"tools": {"listChanged": False}}


@dataclass(frozen=True, slots=True)
class Server:
    """The MCP server's parts; wired once."""

    name: str
    version: str
    listing: Listing
    parts: Parts
    run: Next
    challenge: Challenge

    @property
    def info(self) -> Mapping[str, str]:
        """The server as MCP's `Implementation` describes it."""
        return {"name": self.name, "title": self.name, "version": self.version}


@dataclass(frozen=True, slots=True)
class Incoming:
    """One JSON-RPC request, its envelope checked, with who sent it."""

    method: str
    params: Mapping[str, Any]
    caller: AccessClaims
    call_id: str


async def run_tool(server: Server, incoming: Incoming) -> ToolResult:
    """Read the params of `tools/call` and run the pipeline.

    Raises:
        RpcError: `-32602` where the params are malformed or the tool does not exist for the caller.
        ScopeMissing: for the era to say in its own form.
    """
    name = incoming.params.get("name")
    if not isinstance(name, str):
        raise RpcError(INVALID_PARAMS, "params.name must be a string")
    arguments = incoming.params.get("arguments")
    if arguments is None:
        arguments = {}
    elif not isinstance(arguments, dict):
        raise RpcError(INVALID_PARAMS, "params.arguments must be an object")
    call = ToolCall(incoming.call_id, incoming.caller, name, arguments, server.parts)
    try:
        return await server.run(call)
    except UnknownTool as refusal:
        raise RpcError(INVALID_PARAMS, str(refusal)) from None


def require_first_page(params: Mapping[str, Any]) -> None:
    """Refuse a cursor: every list fits one page, so none was ever given out."""
    if params.get("cursor") is not None:
        raise RpcError(INVALID_PARAMS, "params.cursor is not a cursor of this server")
