"""The handshake era: revisions up to 2025-11-25, served without a session.

Only the message itself counts here. `Mcp-Method`, `Mcp-Name` and `Mcp-Session-Id` headers mean
nothing in these revisions and are not read.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
from mcp_types import DEFAULT_NEGOTIATED_VERSION
from mcp_types.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION

from gatepost.claims import AccessClaims
from mcp_gateway.pipeline.call import ScopeMissing, ToolResult, tool_error
from mcp_gateway.wire.jsonrpc import (
    Reply,
    RpcError,
    read_id,
    read_request,
    reply_error,
    write_error,
    write_result,
)
from mcp_gateway.wire.server import CAPABILITIES, Incoming, Server, require_first_page, run_tool

_BATCH_VERSION = "2025-03-26"  # the only revision with batches
_MAX_BATCH = 50

Method = Callable[[Server, Incoming], Awaitable[bytes]]


async def answer(
    server: Server, message: object, *, version: str | None, caller: AccessClaims, request_id: str
) -> Reply:
    """Answer one POST: a request, a notification, a response nobody asked for, or a batch."""
    if isinstance(message, list):
        if (version or DEFAULT_NEGOTIATED_VERSION) != _BATCH_VERSION:
            return _invalid("A body is one JSON-RPC message; only 2025-03-26 has batches")
        if not 0 < len(message) <= _MAX_BATCH:
            return _invalid(f"A batch has 1 to {_MAX_BATCH} messages")
        return await _answer_batch(server, message, caller, request_id)
    if not isinstance(message, dict):
        return _invalid("A body is one JSON-RPC message object")
    if _wants_no_answer(message):
        return Reply(202)
    given_id = read_id(message)
    try:
        result = await _run(server, message, given_id, caller, request_id)
    except RpcError as error:
        return reply_error(given_id, error, modern=False)
    return Reply(200, write_result(given_id, result))


async def _answer_batch(
    server: Server, messages: list[object], caller: AccessClaims, request_id: str
) -> Reply:
    answers: list[bytes] = []
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            problem = RpcError(INVALID_REQUEST, "A batch holds JSON-RPC message objects")
            answers.append(write_error(b"null", problem))
            continue
        if _wants_no_answer(message):
            continue
        given_id = read_id(message)
        try:
            if message.get("method") == "initialize":
                raise RpcError(INVALID_REQUEST, "initialize can't be part of a batch")
            result = await _run(server, message, given_id, caller, f"{request_id}-{number}")
            answers.append(write_result(given_id, result))
        except RpcError as error:
            answers.append(write_error(given_id, error))
    return Reply(200, b"[" + b",".join(answers) + b"]") if answers else Reply(202)


async def _run(
    server: Server,
    message: Mapping[str, Any],
    given_id: bytes,
    caller: AccessClaims,
    call_id: str,
) -> bytes:
    method, params = read_request(message, given_id)
    if not isinstance(params.get("_meta", {}), dict):
        raise RpcError(INVALID_PARAMS, "params._meta must be an object")
    handler = METHODS.get(method)
    if handler is None:
        raise RpcError(METHOD_NOT_FOUND, f"Method not found: {method[:128]}")
    return await handler(server, Incoming(method, params, caller, call_id))


def _wants_no_answer(message: Mapping[str, Any]) -> bool:
    """Tell whether this is a notification, or a response to something never asked."""
    if "method" in message:
        return "id" not in message and isinstance(message["method"], str)
    return "result" in message or "error" in message


def _invalid(text: str) -> Reply:
    return reply_error(b"null", RpcError(INVALID_REQUEST, text), modern=False)


async def _initialize(server: Server, incoming: Incoming) -> bytes:
    params = incoming.params
    asked = params.get("protocolVersion")
    if not isinstance(asked, str):
        raise RpcError(INVALID_PARAMS, "params.protocolVersion must be a string")
    for name in ("capabilities", "clientInfo"):
        if not isinstance(params.get(name), dict):
            raise RpcError(INVALID_PARAMS, f"params.{name} must be an object")
    known = asked in HANDSHAKE_PROTOCOL_VERSIONS
    return orjson.dumps(
        {
            "protocolVersion": asked if known else LATEST_HANDSHAKE_VERSION,
            "capabilities": CAPABILITIES,
            "serverInfo": server.info,
        }
    )


async def _ping(_: Server, __: Incoming) -> bytes:
    return b"{}"


async def _list_tools(server: Server, incoming: Incoming) -> bytes:
    require_first_page(incoming.params)
    return server.listing.write(incoming.caller.allowed_tools, b"}")


async def _call_tool(server: Server, incoming: Incoming) -> bytes:
    try:
        result = await run_tool(server, incoming)
    except ScopeMissing as refusal:
        # Several clients of this era break on a 403, so the model is told instead.
        result = tool_error(str(refusal), reason=refusal.reason)
    return write_tool_result(result)


def write_tool_result(result: ToolResult) -> bytes:
    """Write a `CallToolResult`."""
    members: dict[str, Any] = {"content": result.content, "isError": result.is_error}
    if result.structured is not None:
        members["structuredContent"] = result.structured
    return orjson.dumps(members)


def _empty(member: str) -> Method:
    async def list_nothing(_: Server, incoming: Incoming) -> bytes:
        require_first_page(incoming.params)
        return orjson.dumps({member: []})

    return list_nothing


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "initialize": _initialize,
        "ping": _ping,
        "tools/list": _list_tools,
        "tools/call": _call_tool,
        # Not declared as capabilities; asked for by clients that do not look.
        "prompts/list": _empty("prompts"),
        "resources/list": _empty("resources"),
        "resources/templates/list": _empty("resourceTemplates"),
    }
)
