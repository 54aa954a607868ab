"""Fetch the tool list of an MCP server for the command line, with limits of size and time."""

from collections.abc import Mapping
from typing import Any

import orjson

from gatepost.text.hidden import escape_text
from mcp_gateway.documents.fetch import FetchError
from mcp_gateway.http_client.http1 import Http1Client
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.remote.messages import (
    Protocol,
    RpcError,
    UnreadableAnswer,
    read_reply,
    write_request,
)
from mcp_gateway.remote.opening import Outcome, open_protocol
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.upstream.error_answers import describe_refusal

_SECONDS = 30.0
_MOST_PAGES = 100
_MOST_TOOLS = 5000
_KEPT = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
"""Members of a tool that a person reviews; icons and metadata are for other readers."""


async def list_tools(url: str, headers: Mapping[str, str]) -> bytes:
    """Fetch all pages of a server's tool list, and return it as the file to review.

    Tools are sorted by name, and hidden characters are written as escapes, so that changes can be read.

    Args:
        url: the server's endpoint, which a person gave.
        headers: headers to send with every message.

    Raises:
        FetchError: the server can't be reached, does not list its tools, or lists too many.
    """
    async with Http1Client() as client:

        async def send(request: HttpRequest, _: str) -> Outcome:
            signed = request._replace(headers=(*request.headers, *headers.items()))
            try:
                return await client.send(signed, deadline=_SECONDS)
            except RequestFailed as failure:
                return failure

        async def read(answer: HttpResponse, asked: str) -> Mapping[str, Any] | RpcError:
            return read_reply(answer, asked)

        protocol = await open_protocol(url, send, read, name="import")
        if not isinstance(protocol, Protocol):
            raise FetchError(_explain(protocol))
        tools: list[dict[str, Any]] = []
        cursor = None
        for page in range(_MOST_PAGES):
            asked = f"import.list.{page}"
            params: dict[str, Any] = {} if cursor is None else {"cursor": cursor}
            answer = await send(write_request(url, asked, "tools/list", params, protocol), asked)
            listed = _read(answer, asked)
            tools += listed["tools"]
            cursor = listed.get("nextCursor")
            if cursor is None:
                return _write(tools)
            if len(tools) > _MOST_TOOLS:
                break
    raise FetchError(f"it lists more than {_MOST_TOOLS} tools or {_MOST_PAGES} pages")


def _read(answer: Outcome, asked: str) -> Mapping[str, Any]:
    if isinstance(answer, RequestFailed) or answer.status >= 300:
        raise FetchError(_explain(answer))
    try:
        reply = read_reply(answer, asked)
    except UnreadableAnswer as problem:
        raise FetchError(str(problem.failure())) from None
    if isinstance(reply, RpcError):
        raise FetchError(f"it answered with the error {reply.code}: {reply.message[:200]}")
    tools = reply.get("tools")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise FetchError("its answer is not a list of tools")
    return reply


def _explain(answer: Outcome) -> str:
    said = describe_refusal(answer) if isinstance(answer, HttpResponse) else str(answer)
    return said.replace("The API", "the server")


def _write(tools: list[dict[str, Any]]) -> bytes:
    kept = [{key: tool[key] for key in _KEPT if key in tool} for tool in tools]
    kept.sort(key=lambda tool: str(tool.get("name")))
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    try:
        written = orjson.dumps({"tools": kept}, option=options)
    except orjson.JSONEncodeError:
        raise FetchError(
            "a tool of its list can't be kept: a schema is nested too deeply"
        ) from None
    return escape_text(written.decode()).encode()
