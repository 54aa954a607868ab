"""Call a gateway as an MCP client (2026-07-28, one self-contained request for each call)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson

from auth_server.settings import ResourceSettings

_VERSION = "2026-07-28"
_META = {
    "io.modelcontextprotocol/protocolVersion": _VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "Gatepost playground", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
}
_LIMIT = 8 * 1024 * 1024
_TRACE = "gatepost/trace"
_BYTES_PER_TOKEN = 4
_MOST_UNITS = (1 << 53) - 1


class GatewayRefused(Exception):
    """The gateway did not answer the request; the message says why."""


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool exactly as an agent gets it."""

    name: str
    title: str
    description: str
    schema: Mapping[str, Any]
    read_only: bool
    destructive: bool
    tokens: int
    """Estimated from the size of its JSON."""


@dataclass(frozen=True, slots=True)
class Called:
    """The result of a call."""

    text: str
    is_error: bool
    question: str
    """What the gateway asks the person before it goes on; empty if it asks nothing."""
    answers: str
    """The answers and the sealed state with which the call goes on, as JSON."""
    trace: Mapping[str, Any]
    """`steps`, `exchanges`, `answer` and `units`; empty while a question is open."""

    @property
    def units(self) -> int | None:
        """The units that the call would cost without being a test; None if an older gateway omits them."""
        units = self.trace.get("units")
        return units if isinstance(units, int) and 0 <= units <= _MOST_UNITS else None


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway, called with one token."""

    http: httpx2.AsyncClient
    resource: ResourceSettings
    token: str

    async def list_tools(self) -> list[ListedTool]:
        """List the tools that the token's bearer gets.

        Raises:
            GatewayRefused: there is no usable answer.
        """
        result = await self._request("tools/list", {})
        return [_read_tool(tool) for tool in result.get("tools", [])]

    async def call_tool(
        self, tool: ListedTool, arguments: Mapping[str, Any], answers: Mapping[str, Any]
    ) -> Called:
        """Call a tool; `answers` continue a call that asked something.

        Raises:
            GatewayRefused: there is no usable answer.
        """
        params = {"name": tool.name, "arguments": arguments, **answers}
        headers = {"Mcp-Name": _mirror(tool.name)}
        for name, schema in (tool.schema.get("properties") or {}).items():
            if isinstance(schema, dict) and "x-mcp-header" in schema and name in arguments:
                headers[f"Mcp-Param-{schema['x-mcp-header']}"] = _mirror(arguments[name])
        return _read_result(await self._request("tools/call", params, headers))

    async def _request(
        self, method: str, params: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        public, reached = (
            urlsplit(self.resource.resource),
            urlsplit(self.resource.where_catalogue_is),
        )
        url = f"{reached.scheme}://{reached.netloc}{public.path}"
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": method,
            "params": {**params, "_meta": _META},
        }
        try:
            answer = await self.http.post(
                url,
                content=orjson.dumps(body),
                headers={
                    "Host": public.netloc,
                    "Authorization": f"Bearer {self.token}",
                    "Content-Type": "application/json",
                    "Accept": "application/json, text/event-stream",
                    "MCP-Protocol-Version": _VERSION,
                    "Mcp-Method": method,
                    **(headers or {}),
                },
            )
        except httpx2.HTTPError as error:
            raise GatewayRefused(f"The gateway did not answer ({type(error).__name__}).") from None
        message = _read_message(answer)
        if "result" not in message:
            told = message.get("error") or {}
            raise GatewayRefused(str(told.get("message") or f"HTTP {answer.status_code}"))
        return dict(message["result"])


def _read_message(answer: httpx2.Response) -> dict[str, Any]:
    content = answer.content
    if len(content) > _LIMIT:
        raise GatewayRefused("The answer is too large to show here.")
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        data = [line[5:] for line in content.splitlines() if line.startswith(b"data:")]
        content = data[-1] if data else b""
    try:
        message = orjson.loads(content)
    except orjson.JSONDecodeError:
        message = None
    if not isinstance(message, dict):
        raise GatewayRefused(f"The gateway answered HTTP {answer.status_code}.")
    return message


def _read_tool(tool: Mapping[str, Any]) -> ListedTool:
    hints = tool.get("annotations") or {}
    return ListedTool(
        name=tool["name"],
        title=tool.get("title") or tool["name"],
        description=tool.get("description") or "",
        schema=tool.get("inputSchema") or {},
        read_only=bool(hints.get("readOnlyHint")),
        destructive=bool(hints.get("destructiveHint")) and not hints.get("readOnlyHint"),
        tokens=-(-len(orjson.dumps(tool)) // _BYTES_PER_TOKEN),
    )


def _read_result(result: Mapping[str, Any]) -> Called:
    if result.get("resultType") == "input_required":
        asked = result.get("inputRequests") or {}
        question = "\n".join(str(one["params"].get("message", "")) for one in asked.values())
        accepted = {key: {"action": "accept", "content": _agree(one)} for key, one in asked.items()}
        answers = {"inputResponses": accepted, "requestState": result.get("requestState")}
        return Called("", False, question or "Go on?", orjson.dumps(answers).decode(), {})
    blocks = result.get("content") or []
    text = "\n".join(str(one.get("text") or f"({one.get('type')})") for one in blocks)
    trace = (result.get("_meta") or {}).get(_TRACE) or {}
    return Called(text, bool(result.get("isError")), "", "", trace)


def _agree(request: Mapping[str, Any]) -> dict[str, Any]:
    """Say yes to a confirmation; other questions get no content, and the gateway says what it lacks."""
    schema = request["params"].get("requestedSchema") or {}
    properties = schema.get("properties") or {}
    return {name: True for name, one in properties.items() if one.get("type") == "boolean"}


def _mirror(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    plain = text.isascii() and text.isprintable() and text == text.strip() and text
    if plain and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="
